/** The secrets of the configuration that this process has read, and how each may be written. */
const hidden = new Set<string>();

/**
 * From now on `mask` takes this text out of whatever is said, by us or by a driver. Not one of three
 * characters or fewer: it keeps nobody out, and is in every other sentence.
 */
export function hide(secret: string): void {
  if (secret.length < 4) return;
  hidden.add(secret);
  hidden.add(JSON.stringify(secret).slice(1, -1));
  // By way of bytes, since half a surrogate pair cannot be encoded.
  hidden.add(encodeURIComponent(Buffer.from(secret).toString()));
}

/** The text without any secret that was hidden, and without the password of any URL. */
export function mask(text: string): string {
  let clean = text;
  const longestFirst = [...hidden].sort((a, b) => b.length - a.length);
  for (const secret of longestFirst) clean = blank(clean, secret);
  return clean.replaceAll(/([a-z][a-z0-9+.-]*:\/\/[^\s"/?#:@]*:)[^\s"/?#]*@/gi, '$1***@');
}

/** Replaces a secret; one that is not `long` only where it stands alone, as it may be a part of any word. */
export function blank(text: string, secret: string, long = 8): string {
  if (secret === '' || !text.includes(secret)) return text;
  if (secret.length >= long) return text.replaceAll(secret, '***');
  const literal = secret.replaceAll(/[\\^$.*+?()[\]{}|-]/g, '\\$&');
  return text.replaceAll(new RegExp(`(?<![A-Za-z0-9])${literal}(?![A-Za-z0-9])`, 'g'), '***');
}
