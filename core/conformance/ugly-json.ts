/** One JSON text that has broken somebody's loader. */
export interface UglyJson {
  readonly name: string;
  /** The bytes of a valid JSON text (RFC 8259) in UTF-8. */
  readonly body: Buffer;
}

function ugly(name: string, text: string): UglyJson {
  return { name, body: Buffer.from(text, 'utf8') };
}

const MiB = 1024 ** 2;

/** JSON texts that a warehouse must give back byte for byte. */
export const uglyJson: readonly UglyJson[] = [
  ugly('an object', '{"a":1}'),
  ugly('an empty object', '{}'),
  ugly('an array', '[1,"two",null,{"three":3}]'),
  ugly('an empty array', '[]'),
  ugly('null', 'null'),
  ugly('true', 'true'),
  ugly('a string', '"hello"'),
  ugly('an empty string', '""'),
  ugly('a number', '0'),
  ugly('minus zero', '-0'),
  ugly('minus zero as a float', '{"a":-0.0}'),
  ugly('a number with 30 digits', '123456789012345678901234567890'),
  ugly('a fraction with 30 digits', '[0.100000000000000005551115123126]'),
  ugly('a number past float64', '{"a":1e999,"b":-1E+999,"c":1e-999}'),
  ugly('integers past 2^53', '[9007199254740993,-9223372036854775808,18446744073709551615]'),
  ugly('repeated keys', '{"a":1,"a":2,"":3,"":4,"A":5}'),
  ugly('white space around and within', ' \t\r\n { "a" :\t[ 1 ,\n2 ] } \n\r\t '),
  ugly('CRLF inside', '{\r\n  "a": 1,\r\n  "b": 2\r\n}\r\n'),
  ugly('every short escape', '"\\" \\\\ \\/ \\b \\f \\n \\r \\t"'),
  ugly('escaped letters', '"\\u0041\\u00e9\\u4e2d"'),
  ugly('an escaped NUL', '{"a\\u0000b":"c\\u0000d"}'),
  ugly('a backslash before what looks like an escaped NUL', '"\\\\u0000"'),
  ugly('escaped control characters', '"\\u0001\\u001f\\u007f\\u0085"'),
  ugly('a raw DEL and C1 controls', '"\u007f\u0080\u0085\u009f"'),
  ugly('a lone high surrogate, escaped', '"\\ud83d"'),
  ugly('a lone low surrogate, escaped', '{"\\uDE00":"\\udead\\ud83d"}'),
  ugly('a surrogate pair, escaped', '"\\ud83d\\ude00"'),
  ugly('emoji', '"😀👩‍👩‍👧‍👦🏴󠁧󠁢󠁳󠁣󠁴󠁿"'),
  ugly('the last code point', '"\u{10ffff}"'),
  ugly('noncharacters', '"\ufffe\uffff\ufdd0"'),
  ugly('a replacement character', '"\ufffd"'),
  ugly('a byte-order mark inside', '"a\ufeffb"'),
  ugly('U+2028 and U+2029', '"\u2028\u2029"'),
  ugly('right-to-left', '{"שלום":"مرحبا","a":"\u202e\u200f"}'),
  ugly('combining marks in both forms', '["é","e\u0301","가","\u1100\u1161"]'),
  ugly('quotes, backslashes and commas, as CSV hates them', '{"a":"\\"x\\",\'y\',`z`;\\\\N","b":"\\\\."}'),
  ugly('what COPY and CSV take for an end or a null', '["\\\\.","\\\\N","NULL","\\\\","\\t"]'),
  ugly('SQL and templates', '"\'; DROP TABLE x; -- $1 $2 {{3}} %s ? :a @b"'),
  ugly('keys that JavaScript minds', '{"__proto__":{"a":1},"constructor":null,"toString":1}'),
  ugly('text of 12 bytes, which DuckDB keeps inline', '["01234567"]'),
  ugly('text of 13 bytes', '["012345678"]'),
  ugly('5,000 nested arrays', `${'['.repeat(5000)}${']'.repeat(5000)}`),
  ugly('5,000 nested objects', `${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`),
  ugly('a key of 100,000 characters', `{"${'k'.repeat(100_000)}":1}`),
  ugly('20,000 keys', `{${Array.from({ length: 20_000 }, (_, n) => `"k${n}":${n}`).join(',')}}`),
  ugly('a string of 1 MiB', `"${'é'.repeat(MiB / 2)}"`),
  ugly('a string of 10 MiB', `"${'x'.repeat(10 * MiB - 2)}"`),
];
