/** A message that is odd in its framing, and what RFC 9112 lets a server do with it. */
export interface Oddity {
  /** Of RFC 9112, unless it says otherwise. */
  readonly section: string;
  readonly what: string;
  /** The message. A good request follows on the connection. */
  readonly bytes: string;
  /**
   * `refused`: one 400, and the connection ends. `read`: 200, and the next one is read too. `last`: 200, and the
   * connection ends. `either`: refused or read. Else another status, after which the next one is read, or none.
   */
  readonly outcome: 'refused' | 'read' | 'last' | 'either' | number;
}

/** What a body says; none but this may land, nor what `smuggled` says. */
export const body = '{"n":1}';
export const smuggled = '{"smuggled":1}';

/** @param target with good credentials */
export function oddities(target: string): readonly Oddity[] {
  // A whole request that lies in the body of another, or behind its end if that is read otherwise.
  const hidden = `POST ${target} HTTP/1.1\r\nHost: a\r\nContent-Length: ${smuggled.length}\r\n\r\n${smuggled}`;

  const line = `POST ${target} HTTP/1.1\r\n`;
  const host = `${line}Host: a\r\n`;
  const length = `Content-Length: ${body.length}\r\n`;
  const chunked = `${host}Transfer-Encoding: chunked\r\n\r\n`;
  const chunks = `7\r\n${body}\r\n0\r\n\r\n`;
  const end = '0\r\n\r\n';

  return [
    // Lines
    {
      section: '2.2',
      what: 'an empty line before the request',
      bytes: `\r\n${host}${length}\r\n${body}`,
      outcome: 'read',
    },
    {
      section: '2.2',
      what: 'bare LF for every line end',
      bytes: `${host}${length}\r\n`.replaceAll('\r', '') + body,
      outcome: 'either',
    },
    {
      section: '2.2',
      what: 'bare CR for every line end',
      bytes: `${host}${length}\r\n`.replaceAll('\n', '') + body,
      outcome: 'refused',
    },
    {
      section: '2.2',
      what: 'a bare CR within a value',
      bytes: `${host}X: a\rb\r\n${length}\r\n${body}`,
      outcome: 'refused',
    },
    {
      section: '2.2',
      what: 'white space between request line and first field',
      bytes: `${line} Host: a\r\n${length}\r\n${body}`,
      outcome: 'refused',
    },
    {
      section: '2.2',
      what: 'noise of TLS',
      bytes: '\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\r\n\r\n',
      outcome: 'refused',
    },
    // Request line
    {
      section: '2.3',
      what: 'HTTP/0.9 with a version',
      bytes: `POST ${target} HTTP/0.9\r\nHost: a\r\n${length}\r\n${body}`,
      outcome: 'refused',
    },
    {
      section: '2.3',
      what: 'HTTP/1.2',
      bytes: `POST ${target} HTTP/1.2\r\nHost: a\r\n${length}\r\n${body}`,
      outcome: 'either',
    },
    {
      section: '2.3',
      what: 'HTTP/2.0',
      bytes: `POST ${target} HTTP/2.0\r\nHost: a\r\n${length}\r\n${body}`,
      outcome: 'refused',
    },
    {
      section: '2.3',
      what: 'the preface of HTTP/2',
      bytes: 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
      outcome: 'refused',
    },
    {
      section: '2.3',
      what: 'http/1.1 in lower case',
      bytes: `POST ${target} http/1.1\r\nHost: a\r\n${length}\r\n${body}`,
      outcome: 'refused',
    },
    {
      section: '3',
      what: 'two spaces in the request line',
      bytes: `POST  ${target} HTTP/1.1\r\nHost: a\r\n${length}\r\n${body}`,
      outcome: 'either',
    },
    {
      section: '3',
      what: 'a tab in the request line',
      bytes: `POST\t${target} HTTP/1.1\r\nHost: a\r\n${length}\r\n${body}`,
      outcome: 'either',
    },
    {
      section: '3.1',
      what: 'a method in lower case',
      bytes: `post ${target} HTTP/1.1\r\nHost: a\r\n${length}\r\n${body}`,
      outcome: 'refused',
    },
    {
      section: '3.1',
      what: 'a method that nobody knows',
      bytes: `HOOK ${target} HTTP/1.1\r\nHost: a\r\n${length}\r\n${body}`,
      outcome: 'refused',
    },
    { section: '3.2', what: 'no Host', bytes: `${line}${length}\r\n${body}`, outcome: 'refused' },
    {
      section: '3.2',
      what: 'two Hosts',
      bytes: `${host}Host: b\r\n${length}\r\n${body}`,
      outcome: 'refused',
    },
    {
      section: '3.2',
      what: 'the same Host twice',
      bytes: `${host}Host: a\r\n${length}\r\n${body}`,
      outcome: 'refused',
    },
    {
      section: '3.2',
      what: 'two Hosts, with 3,000 fields between them',
      bytes: `${host}${'a:\r\n'.repeat(3000)}Host: b\r\n${length}\r\n${body}`,
      outcome: 'refused',
    },
    {
      section: '3.2',
      what: 'a Host that is none',
      bytes: `${line}Host: a/b@c\r\n${length}\r\n${body}`,
      outcome: 'refused',
    },
    {
      section: '3.2',
      what: 'a list of Hosts',
      bytes: `${line}Host: a b\r\n${length}\r\n${body}`,
      outcome: 'refused',
    },
    { section: '3.2', what: 'an empty Host', bytes: `${line}Host:\r\n${length}\r\n${body}`, outcome: 'read' },
    {
      section: '3.2.2',
      what: 'absolute-form',
      bytes: `POST http://b${target} HTTP/1.1\r\nHost: a\r\n${length}\r\n${body}`,
      outcome: 'read',
    },
    {
      section: '3.2.3',
      what: 'authority-form',
      bytes: `POST a:80 HTTP/1.1\r\nHost: a\r\n${length}\r\n${body}`,
      outcome: 'refused',
    },
    {
      section: '3.2.3',
      what: 'CONNECT',
      bytes: 'CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n',
      outcome: 405,
    },
    {
      section: '3.2.4',
      what: 'asterisk-form with OPTIONS',
      bytes: 'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n',
      outcome: 405,
    },
    {
      section: '3.2',
      what: 'bytes beyond ASCII in the target',
      bytes: `POST ${target}&\xe9=1 HTTP/1.1\r\nHost: a\r\n${length}\r\n${body}`,
      outcome: 'either',
    },
    {
      section: '3.2',
      what: 'a NUL in the target',
      bytes: `POST ${target}\0 HTTP/1.1\r\nHost: a\r\n${length}\r\n${body}`,
      outcome: 'refused',
    },
    // Fields
    {
      section: '5',
      what: 'a line without a colon',
      bytes: `${host}X\r\n${length}\r\n${body}`,
      outcome: 'refused',
    },
    {
      section: '5',
      what: 'a field without a name',
      bytes: `${host}: x\r\n${length}\r\n${body}`,
      outcome: 'refused',
    },
    {
      section: '5.1',
      what: 'a space before the colon',
      bytes: `${host}Content-Length : 7\r\n\r\n${body}`,
      outcome: 'refused',
    },
    {
      section: '5.1',
      what: 'a tab before the colon',
      bytes: `${host}Transfer-Encoding\t: chunked\r\n\r\n${chunks}`,
      outcome: 'refused',
    },
    {
      section: '5.2',
      what: 'a folded value',
      bytes: `${host}X: a\r\n b\r\n${length}\r\n${body}`,
      outcome: 'either',
    },
    {
      section: '5.2',
      what: 'a folded Content-Length',
      bytes: `${host}Content-Length:\r\n 7\r\n\r\n${body}`,
      outcome: 'either',
    },
    {
      section: '5.2',
      what: 'a folded Transfer-Encoding',
      bytes: `${host}Transfer-Encoding:\r\n chunked\r\n\r\n${chunks}`,
      outcome: 'either',
    },
    {
      section: '5.5 (RFC 9110)',
      what: 'a NUL in a value',
      bytes: `${host}X: a\0b\r\n${length}\r\n${body}`,
      outcome: 'refused',
    },
    {
      section: '5.5 (RFC 9110)',
      what: 'a control character in a value',
      bytes: `${host}X: a\x01b\r\n${length}\r\n${body}`,
      outcome: 'either',
    },
    {
      section: '5.5 (RFC 9110)',
      what: 'bytes beyond ASCII in a value',
      bytes: `${host}X: \xe9\xff\r\n${length}\r\n${body}`,
      outcome: 'read',
    },
    {
      section: '10.1.1 (RFC 9110)',
      what: 'an expectation that nobody knows',
      bytes: `${host}Expect: tea\r\n${length}\r\n${body}`,
      outcome: 'read',
    },
    {
      section: '7.8 (RFC 9110)',
      what: 'an upgrade, which is passed over',
      bytes: `${host}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n${length}\r\n${body}`,
      outcome: 'last',
    },
    {
      section: '5.1',
      what: 'a vertical tab in a name',
      bytes: `${host}\x0bTransfer-Encoding: chunked\r\n${length}\r\n${body}`,
      outcome: 'refused',
    },
    {
      section: '5.4 (RFC 9110)',
      what: 'a head of 17 KB',
      bytes: `${host}X: ${'x'.repeat(17_000)}\r\n${length}\r\n${body}`,
      outcome: 431,
    },
    // Length of the body
    {
      section: '6.1',
      what: 'Transfer-Encoding with Content-Length',
      bytes: `${host}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n${end}${hidden}`,
      outcome: 'refused',
    },
    {
      section: '6.1',
      what: 'Content-Length with Transfer-Encoding',
      bytes: `${host}Transfer-Encoding: chunked\r\nContent-Length: ${hidden.length + 5}\r\n\r\n${end}${hidden}`,
      outcome: 'refused',
    },
    {
      section: '6.1',
      what: 'chunked in HTTP/1.0',
      bytes: `POST ${target} HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}`,
      outcome: 'refused',
    },
    {
      section: '6.1',
      what: 'chunked twice, in one field',
      bytes: `${host}Transfer-Encoding: chunked, chunked\r\n\r\n${chunks}`,
      outcome: 'refused',
    },
    {
      section: '6.1',
      what: 'chunked twice, in two fields',
      bytes: `${host}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}`,
      outcome: 'refused',
    },
    {
      section: '6.1',
      what: 'gzip, chunked',
      bytes: `${host}Transfer-Encoding: gzip, chunked\r\n\r\n${chunks}`,
      outcome: 'refused',
    },
    {
      section: '6.3',
      what: 'chunked, and then another coding',
      bytes: `${host}Transfer-Encoding: chunked, gzip\r\n\r\n${chunks}`,
      outcome: 'refused',
    },
    {
      section: '6.3',
      what: 'identity',
      bytes: `${host}Transfer-Encoding: identity\r\n\r\n${hidden}`,
      outcome: 'refused',
    },
    {
      section: '6.3',
      what: 'xchunked',
      bytes: `${host}Transfer-Encoding: xchunked\r\n\r\n${chunks}`,
      outcome: 'refused',
    },
    {
      section: '6.3',
      what: 'chunked with a parameter',
      bytes: `${host}Transfer-Encoding: chunked;q=1\r\n\r\n${chunks}`,
      outcome: 'refused',
    },
    {
      section: '6.3',
      what: 'chunked in quotes',
      bytes: `${host}Transfer-Encoding: "chunked"\r\n\r\n${chunks}`,
      outcome: 'refused',
    },
    {
      section: '6.3',
      what: 'chunked behind a vertical tab',
      bytes: `${host}Transfer-Encoding: \x0bchunked\r\n\r\n${chunks}`,
      outcome: 'refused',
    },
    {
      section: '6.3',
      what: 'an empty Transfer-Encoding',
      bytes: `${host}Transfer-Encoding:\r\n\r\n${hidden}`,
      outcome: 'refused',
    },
    {
      section: '6.3',
      what: 'Content-Length twice, the same',
      bytes: `${host}${length}${length}\r\n${body}`,
      outcome: 'either',
    },
    {
      section: '6.3',
      what: 'Content-Length twice, different',
      bytes: `${host}${length}Content-Length: ${body.length + hidden.length}\r\n\r\n${body}${hidden}`,
      outcome: 'refused',
    },
    {
      section: '6.3',
      what: 'a list of the same Content-Length',
      bytes: `${host}Content-Length: 7, 7\r\n\r\n${body}`,
      outcome: 'either',
    },
    {
      section: '6.3',
      what: 'a list of Content-Lengths',
      bytes: `${host}Content-Length: 7, 8\r\n\r\n${body}`,
      outcome: 'refused',
    },
    {
      section: '6.2',
      what: 'a Content-Length with leading zeros',
      bytes: `${host}Content-Length: 007\r\n\r\n${body}`,
      outcome: 'read',
    },
    ...[
      '',
      '+7',
      '-7',
      '0x7',
      '7 7',
      '7.0',
      '7e0',
      '7;',
      '"7"',
      '99999999999999999999',
      '18446744073709551623',
      '\u00b2',
    ].map(
      (value): Oddity => ({
        section: '6.2',
        what: `the Content-Length ${JSON.stringify(value)}`,
        bytes: `${host}Content-Length: ${value}\r\n\r\n${body}`,
        outcome: 'refused',
      }),
    ),
    // Chunks
    {
      section: '7.1',
      what: 'a body that looks like a request',
      bytes: `${host}Transfer-Encoding: chunked\r\n\r\n${hidden.length.toString(16)}\r\n${hidden}\r\n${end}`,
      outcome: 400,
    },
    {
      section: '7.1',
      what: 'a chunk size with leading zeros',
      bytes: `${chunked}0000007\r\n${body}\r\n${end}`,
      outcome: 'read',
    },
    {
      section: '7.1',
      what: 'a last chunk of many zeros',
      bytes: `${chunked}7\r\n${body}\r\n0000\r\n\r\n`,
      outcome: 'read',
    },
    ...['0x7', '+7', '-7', ' 7', '7 ', '7h', '', 'fffffffffffffffff', '10000000000000007', '7,', '7\0'].map(
      (size): Oddity => ({
        section: '7.1',
        what: `the chunk size ${JSON.stringify(size)}`,
        bytes: `${chunked}${size}\r\n${body}\r\n${end}`,
        outcome: /^7 $/.test(size) ? 'either' : 'refused',
      }),
    ),
    {
      section: '7.1',
      what: 'bare LF for the line ends of chunks',
      bytes: `${chunked}${chunks}`.replaceAll('7\r\n', '7\n'),
      outcome: 'refused',
    },
    {
      section: '7.1',
      what: 'a chunk longer than its size',
      bytes: `${chunked}5\r\n${body}\r\n${end}`,
      outcome: 'refused',
    },
    {
      section: '7.1',
      what: 'no line end after a chunk',
      bytes: `${chunked}7\r\n${body}${end}`,
      outcome: 'refused',
    },
    {
      section: '7.1',
      what: 'two other bytes in the place of a line end after a chunk',
      bytes: `${chunked}7\r\n${body}xx${end}`,
      outcome: 'refused',
    },
    {
      section: '7.1.1',
      what: 'extensions of chunks',
      bytes: `${chunked}7;a;b=c;d="e;f"\r\n${body}\r\n0;x\r\n\r\n`,
      outcome: 'read',
    },
    {
      section: '7.1.1',
      what: 'a bare LF in an extension',
      bytes: `${chunked}7;a\n${body}\r\n${end}`,
      outcome: 'refused',
    },
    {
      section: '7.1.1',
      what: 'a bare CR in an extension',
      bytes: `${chunked}7;a\rb\r\n${body}\r\n${end}`,
      outcome: 'refused',
    },
    {
      section: '7.1.1',
      what: 'an extension of 100,000 bytes',
      bytes: `${chunked}7;a=${'x'.repeat(100_000)}\r\n${body}\r\n${end}`,
      outcome: 'refused',
    },
    {
      section: '7.1.2',
      what: 'trailers',
      bytes: `${chunked}7\r\n${body}\r\n0\r\nX: 1\r\nY: 2\r\n\r\n`,
      outcome: 'read',
    },
    {
      section: '7.1.2',
      what: 'trailers that would change what was read',
      bytes: `${chunked}7\r\n${body}\r\n0\r\nHost: b\r\nContent-Encoding: gzip\r\nAuthorization: Basic x\r\n\r\n`,
      outcome: 'either',
    },
    {
      section: '6.5 (RFC 9110)',
      what: 'a Content-Length among the trailers',
      bytes: `${chunked}7\r\n${body}\r\n0\r\nContent-Length: 50\r\n\r\n`,
      outcome: 'either',
    },
    {
      section: '7.1.2',
      what: 'a trailer without a colon',
      bytes: `${chunked}7\r\n${body}\r\n0\r\nX\r\n\r\n`,
      outcome: 'refused',
    },
    // Connections
    {
      section: '9.3',
      what: 'HTTP/1.0',
      bytes: `POST ${target} HTTP/1.0\r\n${length}\r\n${body}`,
      outcome: 'last',
    },
    {
      section: '9.3',
      what: 'HTTP/1.0 with keep-alive',
      bytes: `POST ${target} HTTP/1.0\r\nConnection: keep-alive\r\n${length}\r\n${body}`,
      outcome: 'read',
    },
    {
      section: '9.6',
      what: 'close, and a request behind it',
      bytes: `${host}Connection: close\r\n${length}\r\n${body}`,
      outcome: 'last',
    },
    {
      section: '9.6',
      what: 'close among others',
      bytes: `${host}Connection: keep-alive, close\r\n${length}\r\n${body}`,
      outcome: 'last',
    },
    {
      section: '9.6',
      what: 'a refused body, and a request behind it',
      bytes: `${host}Content-Encoding: zip\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}`,
      outcome: 415,
    },
  ];
}
