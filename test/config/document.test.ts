// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the YAML has its own
import { expect } from 'chai';
import { complaints } from './fixture.js';

const claims: readonly (readonly [title: string, text: string, expected: readonly string[]])[] = [
  ['an empty file', '', ['1:1  the file is empty; `hookline init` writes one to start from']],
  ['a file of comments', '# a\n---\n', ['1:1  the file is empty; `hookline init` writes one to start from']],
  [
    'a list at the top',
    '\n- a\n',
    ['2:1  the top level must be a mapping, not a list; begin with `destinations:` and `pipelines:`'],
  ],
  [
    'a text at the top',
    'hello',
    ['1:1  the top level must be a mapping, not a text; begin with `destinations:` and `pipelines:`'],
  ],
  [
    'a tab as indentation',
    'server:\n\tgrace: 1s',
    ['2:1  not valid YAML: a tab as indentation; indent with spaces'],
  ],
  [
    'a quote that is not closed, where it opens',
    'a: "x\nb: c\n',
    ['1:4  not valid YAML: a quote is not closed; the text must end with the quote it began with'],
  ],
  [
    'a bracket that is not closed',
    'a: [1\nb: 2\n',
    ['2:1  not valid YAML: a `{` or `[` is not closed; close it, or indent what is in it'],
  ],
  [
    'lines that are not aligned',
    'a:\n  b: 1\n c: 2\n',
    [
      '3:2  not valid YAML: this line is not aligned with its neighbours; indent with spaces, the same number for keys of one mapping',
    ],
  ],
  [
    'a second colon',
    'a: b: c',
    [
      '1:4  not valid YAML: a second `: ` on the line, or a text followed by deeper lines; put the text in quotes, or check the indentation',
    ],
  ],
  [
    'a key without a colon',
    'a: 1\nb\nc: 2',
    ['2:1  not valid YAML: a `:` is missing after the key; write `key: value`, with a space after the colon'],
  ],
  [
    'a text that begins with @',
    'a: @x',
    ['1:4  not valid YAML: a text cannot begin with this character; put the text in quotes'],
  ],
  [
    'an unknown escape',
    'a: "\\q"',
    ["1:5  not valid YAML: unknown escape after `\\`; write `\\\\`, or put the text in 'single quotes'"],
  ],
  [
    'a second document',
    'x-a: 1\n---\nx-b: 2',
    ['2:1  not valid YAML: a second document after `---`; one file holds one configuration'],
  ],
  [
    'a tag, without showing it',
    'x-a: !hunter2',
    ['1:6  not valid YAML: unknown tag after `!`; a text that begins with `!` needs quotes'],
  ],
  [
    'an alias without an anchor, without showing it',
    'x-a: *hunter2',
    ['1:6  x-a: no anchor of this name above; a text that begins with `*` needs quotes'],
  ],
  [
    'an alias inside of its own anchor',
    'x-a: &a [ 1, *a ]',
    ['1:14  x-a[1]: the alias stands inside of what it repeats'],
  ],
  [
    'a reference without quotes inside braces',
    'x-a: { b: ${B} }',
    ['1:12  not valid YAML: inside `{ }` or `[ ]` braces end a text; put what has `${` in it in quotes'],
  ],
  [
    'duplicate keys at every level',
    'x-a: { b: 1, "b": 2 }\nx-a: 1',
    [
      '1:14  x-a.b: duplicate key; the first one is in line 1; keep one',
      '2:1  x-a: duplicate key; the first one is in line 1; keep one',
    ],
  ],
  ['a key that is a list', 'x-a:\n  ? [b]\n  : 1', ['2:5  x-a: a key must be a word; write `key: value`']],
  [
    'a merge of something that is no mapping',
    'x-a:\n  <<: 5',
    ['2:3  x-a."<<": only mappings can be merged; write `<<: *anchor`'],
  ],
];

describe('readDocument', () => {
  for (const [title, text, expected] of claims) {
    it(`reports ${title}`, async () => {
      expect(await complaints(text)).to.deep.equal(expected);
    });
  }

  it('reports a syntax error once, not what follows from it', async () => {
    expect(await complaints('- a\nb: 1\nc: 2\nd: [')).to.have.lengthOf(1);
  });

  it('stops at aliases that grow without bounds', async () => {
    const bomb = ['x-a: &a0 [1,1,1,1,1,1,1,1,1,1]'];
    for (let i = 1; i < 9; i++)
      bomb.push(
        `x-${i}: &a${i} [${Array(10)
          .fill(`*a${i - 1}`)
          .join(',')}]`,
      );
    expect((await complaints(bomb.join('\n')))[0]).to.match(/more than 100000 values/);
  });

  it('takes keys like __proto__ for what they are', async () => {
    expect(await complaints('__proto__: 1\nserver: { __proto__: { grace: 1 } }')).to.have.lengthOf(2);
  });
});
