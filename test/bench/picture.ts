/** A bar of the picture. */
export interface Bar {
  readonly name: string;
  readonly value: number;
  readonly label: string;
  /** Ours stand out. */
  readonly own: boolean;
}

const [width, gutter, row, bar] = [760, 290, 30, 18];

/** Horizontal bars as an SVG, which reads on a light and on a dark page. */
export function picture(title: string, bars: readonly Bar[], footnote: string): string {
  const most = Math.max(...bars.map(({ value }) => value));
  const height = 76 + bars.length * row;
  const lines = bars.flatMap(({ name, value, label, own }, at) => {
    const y = 48 + at * row;
    const length = Math.max(2, ((width - gutter - 110) * value) / most);
    return [
      `  <text x="${gutter - 10}" y="${y + 14}" text-anchor="end">${escaped(name)}</text>`,
      `  <rect x="${gutter}" y="${y}" width="${length.toFixed(1)}" height="${bar}" rx="3" fill="${own ? '#d9480f' : '#868e96'}"/>`,
      `  <text x="${(gutter + length + 8).toFixed(1)}" y="${y + 14}">${escaped(label)}</text>`,
    ];
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(title)}">
  <style>text { font: 13px system-ui, sans-serif; fill: #57606a } .title { font-size: 15px; font-weight: 600 }
    @media (prefers-color-scheme: dark) { text { fill: #adbac7 } }</style>
  <text class="title" x="16" y="26">${escaped(title)}</text>
${lines.join('\n')}
  <text x="16" y="${height - 12}">${escaped(footnote)}</text>
</svg>
`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
