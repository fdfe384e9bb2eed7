import { expect } from 'chai';
import { complaints } from './fixture.js';

const destination = (options: string): string =>
  `destinations: { w: { type: postgres, url: "postgres:x", ${options} } }`;
const pipelines = (text: string): string =>
  `destinations: { wh: { type: duckdb, path: x } }\npipelines: { ${text} }`;
const signed = (text: string): string =>
  pipelines(`7: { destination: wh, table: t, signature: { ${text} } }`);

const claims: readonly (readonly [title: string, text: string, expected: readonly string[]])[] = [
  [
    'an unknown option of a plugin',
    destination('schemaa: p'),
    ['1:57  destinations.w.schemaa: unknown key; did you mean `schema`?'],
  ],
  [
    'a mistyped option of the engine',
    destination('concurency: 1'),
    ['1:57  destinations.w.concurency: unknown key; did you mean `concurrency`?'],
  ],
  [
    'an unknown key in `flush`',
    destination('flush: { row: 1 }'),
    ['1:66  destinations.w.flush.row: unknown key; did you mean `rows`?'],
  ],
  [
    'an unknown key in an alternative of an option',
    destination('ssl: { verfy: true }'),
    ['1:64  destinations.w.ssl.verfy: unknown key; did you mean `verify`?'],
  ],
  [
    'a key that resembles none, with all there are',
    'server: { foo: 1 }',
    ['1:11  server.foo: unknown key; known: `webhooks`, `admin`, `grace`'],
  ],
  [
    'a text for a number',
    destination('port: eighty'),
    ['1:63  destinations.w.port: expected a whole number from 1 to 65535, got "eighty"'],
  ],
  [
    'a number out of range',
    'server: { webhooks: { port: 70000 } }',
    ['1:29  server.webhooks.port: expected a whole number from 0 to 65535, got 70000'],
  ],
  [
    'a fraction for a whole number',
    'server: { webhooks: { workers: 1.5 } }',
    ['1:32  server.webhooks.workers: expected a whole number from 1 to 64, got 1.5'],
  ],
  [
    'a number for a text',
    destination('schema: 5'),
    ['1:65  destinations.w.schema: expected a text, got 5; put it in quotes to make it a text'],
  ],
  [
    'yes for true',
    pipelines('1: { destination: wh, table: t, paused: yes }'),
    ['2:54  pipelines.1.paused: expected true or false, got "yes"'],
  ],
  [
    'a word that is none of the allowed ones',
    destination('mode: copi'),
    ['1:63  destinations.w.mode: expected `copy` or `insert`, got "copi"; did you mean `copy`?'],
  ],
  [
    'nothing for a value, at its key',
    'server:\n  webhooks:\n    port:\n',
    ['3:5  server.webhooks.port: expected a whole number from 0 to 65535, got nothing'],
  ],
  [
    'a duration without sense',
    'server: { grace: soon }',
    ['1:18  server.grace: expected a duration with its unit, such as 1s, got "soon"'],
  ],
  [
    'a duration without its unit',
    'server: { grace: 30 }',
    ['1:18  server.grace: expected a duration with its unit, such as 1s, got 30'],
  ],
  [
    'a size out of range',
    'server: { webhooks: { maxBody: 1B } }',
    ['1:32  server.webhooks.maxBody: expected a size from 1KiB to 1GiB, got "1B"'],
  ],
  [
    'a host with a port',
    'server: { webhooks: { host: "a:80" } }',
    ['1:29  server.webhooks.host: expected a host name or an IP address, without a port, got "a:80"'],
  ],
  [
    'a mandatory option that is missing, at the key of its mapping',
    'destinations:\n  d:\n    type: duckdb',
    ['2:3  destinations.d.path: missing, expected a path'],
  ],
  [
    'a mistyped mandatory option once',
    'destinations:\n  d: { type: duckdb, pathh: x }',
    ['2:22  destinations.d.pathh: unknown key; did you mean `path`?'],
  ],
  [
    'a missing type',
    'destinations:\n  d: { path: x }',
    [
      '2:3  destinations.d.type: missing, expected a kind of destination; known: `broken`, `duckdb`, `postgres`',
    ],
  ],
  [
    'an unknown type',
    'destinations:\n  d: { type: duckbd, path: x }',
    [
      '2:14  destinations.d.type: no destination is of type `duckbd`; did you mean `duckdb`? known: `broken`, `duckdb`, `postgres`',
    ],
  ],
  [
    'a type that is no text',
    'spool: { type: 5 }',
    ['1:16  spool.type: expected a kind of spool, got 5; known: `lmdb`'],
  ],
  [
    'a plugin that cannot be loaded, with its cause',
    'destinations: { b: { type: broken } }',
    ["1:28  destinations.b.type: the destination plugin cannot be loaded: Cannot find package 'some-sdk'"],
  ],
  [
    'a text for a destination',
    'destinations: { b: "postgres://u:hunter2@h" }',
    ['1:20  destinations.b: expected a mapping with a `type`; known: `broken`, `duckdb`, `postgres`'],
  ],
  [
    'a list of destinations',
    'destinations: [ b ]\npipelines: { 1: { destination: b, table: t } }',
    ['1:15  destinations: expected a mapping of destinations by name; write `name: { type: ... }`'],
  ],
  [
    'a name that no destination can have',
    'destinations: { a/b: { type: duckdb, path: x } }\npipelines: { 1: { destination: a/b, table: t } }',
    ['1:17  destinations."a/b": not a name for a destination; use up to 63 letters, digits, `_` and `-`'],
  ],
  [
    'ids with leading zeros',
    pipelines('0835212: { destination: wh, table: t }'),
    ['2:14  pipelines.0835212: not a pipeline id in plain decimal digits; write `835212`'],
  ],
  [
    'ids with an exponent',
    pipelines('1e3: { destination: wh, table: t }'),
    ['2:14  pipelines.1e3: not a pipeline id in plain decimal digits; write `1000`'],
  ],
  [
    'ids in hexadecimal digits',
    pipelines('0x1F: { destination: wh, table: t }'),
    ['2:14  pipelines.0x1F: not a pipeline id in plain decimal digits; write `31`'],
  ],
  [
    'ids that are too large',
    pipelines('9007199254740992: { destination: wh, table: t }'),
    [
      '2:14  pipelines.9007199254740992: not a pipeline id in plain decimal digits; use a whole number from 1 to 9007199254740991',
    ],
  ],
  [
    'zero as an id',
    pipelines('0: { destination: wh, table: t }'),
    [
      '2:14  pipelines.0: not a pipeline id in plain decimal digits; use a whole number from 1 to 9007199254740991',
    ],
  ],
  [
    'the same id quoted and not',
    pipelines('7: { destination: wh, table: t }, "7": { destination: wh, table: t }'),
    ['2:48  pipelines.7: duplicate key; the first one is in line 2; keep one'],
  ],
  [
    'the same id in two forms',
    pipelines('7: { destination: wh, table: t }, 07: { destination: wh, table: t }'),
    [
      '2:48  pipelines.07: not a pipeline id in plain decimal digits; write `7`',
      '2:48  pipelines.07: duplicate pipeline; the same number is in line 2; keep one',
    ],
  ],
  [
    'a pipeline without destination and table',
    pipelines('7: {}'),
    [
      '2:14  pipelines.7.destination: missing, expected a text or a list',
      '2:14  pipelines.7.table: missing, expected a text',
    ],
  ],
  [
    'an undefined destination',
    pipelines('7: { destination: [wh, hw], table: t }, 8: { destination: whh, table: t }'),
    [
      '2:37  pipelines.7.destination[1]: there is no destination `hw`; known: `wh`',
      '2:72  pipelines.8.destination: there is no destination `whh`; did you mean `wh`?',
    ],
  ],
  [
    'an empty list of destinations',
    pipelines('7: { destination: [], table: t }'),
    ['2:32  pipelines.7.destination: name at least one destination'],
  ],
  [
    'the same destination twice',
    pipelines('7: { destination: [wh, wh], table: t }'),
    ['2:37  pipelines.7.destination[1]: the destination `wh` is here twice; keep one'],
  ],
  [
    'an empty table',
    pipelines('7: { destination: wh, table: " " }'),
    ['2:43  pipelines.7.table: must not be empty, expected the name of a table'],
  ],
  [
    'a type of signature that there is not',
    signed('type: githb, secret: hunter2'),
    [
      '2:65  pipelines.7.signature.type: expected a type of signature, got "githb"; did you mean `github`? known: `standard-webhooks`, `github`, `stripe`, `shopify`, `slack`, `meta`, `hmac`',
    ],
  ],
  [
    'a signature without a type',
    signed('secret: hunter2'),
    [
      '2:46  pipelines.7.signature.type: missing, expected a type of signature; known: `standard-webhooks`, `github`, `stripe`, `shopify`, `slack`, `meta`, `hmac`',
    ],
  ],
  [
    'a signature without a secret',
    signed('type: github'),
    ['2:46  pipelines.7.signature.secret: missing, expected a text or a list'],
  ],
  [
    'nothing for a signature: the pipeline is not open because its lines are commented out',
    pipelines('7: { destination: wh, table: t, signature: }'),
    [
      '2:46  pipelines.7.signature: expected a mapping with a `type` and a `secret`; known: `standard-webhooks`, `github`, `stripe`, `shopify`, `slack`, `meta`, `hmac`',
    ],
  ],
  [
    'an option of another type of signature',
    signed('type: github, secret: hunter2, tolerance: 5m'),
    ['2:90  pipelines.7.signature.tolerance: unknown key; known: `type`, `secret`, `key`'],
  ],
  [
    'an empty secret',
    signed('type: github, secret: ""'),
    ['2:81  pipelines.7.signature.secret: must not be empty, expected a text or a list'],
  ],
  [
    'an empty list of secrets',
    signed('type: github, secret: []'),
    ['2:81  pipelines.7.signature.secret: expected at least 1 in the list, got 0'],
  ],
  [
    'a secret of Standard Webhooks that is no base64, without showing it',
    signed('type: standard-webhooks, secret: [whsec_abcd, "v1,whsec_hunter2"]'),
    ['2:105  pipelines.7.signature.secret[1]: expected whsec_ and base64, got something else'],
  ],
  [
    'a tolerance past all sense, and a key that is none',
    signed('type: stripe, secret: hunter2, tolerance: 2d, key: abc'),
    [
      '2:101  pipelines.7.signature.tolerance: expected a duration from 1s to 1d, got "2d"',
      '2:110  pipelines.7.signature.key: expected the key of a token, a UUID, got "abc"',
    ],
  ],
  [
    'a header that can have no such name',
    signed('type: hmac, secret: hunter2, header: "a b"'),
    ['2:96  pipelines.7.signature.header: expected the name of a header, got "a b"'],
  ],
  [
    'a content that leaves the body or the timestamp out',
    signed('type: hmac, secret: hunter2, header: a, timestamp: b, content: "{body}"'),
    [
      '2:122  pipelines.7.signature.content: must have {timestamp} in it: one that is not signed proves nothing',
    ],
  ],
  [
    'a tolerance without a timestamp',
    signed('type: hmac, secret: hunter2, header: a, tolerance: 5m'),
    ['2:110  pipelines.7.signature.tolerance: is about a timestamp: name its header as `timestamp`'],
  ],
  [
    'a list of pipelines',
    'pipelines: []',
    [
      '1:12  pipelines: expected a mapping of pipelines by id; write `835212: { destination: warehouse, table: orders }`',
    ],
  ],
  [
    'an admin token that can be guessed, without showing it',
    'server:\n  admin:\n    token: fifteen-letters',
    ['3:12  server.admin.token: expected 16 characters or more, got something else'],
  ],
  [
    'an admin without token on a host that others reach',
    'server:\n  admin: { host: 0.0.0.0 }',
    [
      '2:3  server.admin.token: missing: whoever reaches this host could read your data; give it a token, or listen on 127.0.0.1',
    ],
  ],
  [
    'two listeners on one port',
    'server: { webhooks: { host: localhost, port: 9 }, admin: { port: 9 } }',
    [
      '1:66  server.admin.port: webhooks and admin cannot listen on the same port of one host; give one of them another port',
    ],
  ],
  [
    'two listeners on one port, one of them on every host',
    'server: { webhooks: { host: 0.0.0.0, port: 8081 } }',
    [
      '1:11  server.admin.port: webhooks and admin cannot listen on the same port of one host; give one of them another port',
    ],
  ],
];

describe('the options', () => {
  for (const [title, text, expected] of claims) {
    it(`complain about ${title}`, async () => {
      expect(await complaints(text)).to.deep.equal(expected);
    });
  }

  it('let both listeners take any free port', async () => {
    expect(await complaints('server: { webhooks: { port: 0 }, admin: { port: 0 } }')).to.deep.equal([]);
  });

  it('take every form of loopback for an admin without token', async () => {
    for (const host of ['localhost', '127.0.0.1', '127.8.8.8', '::1', '0:0:0:0:0:0:0:1']) {
      expect(await complaints(`server: { admin: { host: "${host}" } }`), host).to.deep.equal([]);
    }
  });

  it('report no undefined destination for one that has a problem of its own', async () => {
    const text = 'destinations: { d: { type: nope } }\npipelines: { 1: { destination: d, table: t } }';
    expect(await complaints(text)).to.have.lengthOf(1);
  });

  it('never show a secret, whatever a schema says', async () => {
    const said = await complaints(
      'destinations:\n  a: { type: postgres, url: "http://hunter2", pin: hunter3 }\n' +
        '  b: { type: postgres, url: "postgres:x", password: forbidden }\n' +
        '  c: { type: postgres, url: hunter4, passwort: hunter5, password: 5678 }\n',
    );
    expect(said).to.deep.equal([
      '2:29  destinations.a.url: bad url ***',
      '2:52  destinations.a.pin: expected a whole number, got something else',
      '3:6  destinations.b: the password *** is not allowed',
      '4:29  destinations.c.url: bad url ***',
      '4:38  destinations.c.passwort: unknown key; did you mean `password`?',
      '4:67  destinations.c.password: expected a text, got something else; put it in quotes to make it a text',
    ]);
  });
});
