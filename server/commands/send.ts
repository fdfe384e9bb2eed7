import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import type { Command } from 'commander';
import { Ingest } from '../../core/ingest.js';
import { mint } from '../../core/mint.js';
import type { Reply } from '../../core/reply.js';
import { CommandError, exitCodes } from '../cli/exit.js';
import { configOption, jsonOption } from '../cli/options.js';
import { complain, print } from '../cli/output.js';
import { Session } from '../cli/session.js';
import { webhookUrl } from '../instance.js';

interface SendOptions {
  readonly config: string;
  readonly json?: boolean;
  readonly key?: string;
  readonly token?: string;
}

interface Request {
  readonly query: string;
  readonly body: Buffer;
  /** The signature, where the pipeline wants one: who can read the configuration can sign. */
  readonly headers: Readonly<Record<string, string>>;
}

const briefly = 15 * 60_000;

export function send(program: Command): void {
  program
    .command('send <pipeline> [file]')
    .description('post a JSON file, or standard input, to a pipeline; the spool keeps it when no server runs')
    .option('--key <key>', 'the key of a token (mints one for 15 minutes)')
    .option('--token <token>', 'the token; better in HOOKLINE_TOKEN, as others see what is typed here')
    .addOption(configOption())
    .addOption(jsonOption())
    .action((pipeline: string, file: string | undefined, options: SendOptions) =>
      Session.run(options.config, async (session) => {
        const { id, signature } = session.pipeline(pipeline);
        const body = await bodyFrom(file);
        const { key, token } = await credentials(session, id, options);
        const query = new URLSearchParams({ pipeline_id: id, key, token }).toString();
        const headers = signature?.scheme.sign(body, Date.now()) ?? {};
        const request = { query, body, headers };
        const reply = (await post(session, request)) ?? (await keep(session, request));
        report(reply, options.json ?? false);
      }),
    );
}

async function bodyFrom(file: string | undefined): Promise<Buffer> {
  if (file === undefined || file === '-') return Buffer.from(await text(process.stdin));
  try {
    return await readFile(file);
  } catch (error) {
    throw new CommandError(
      `${file} cannot be read (${(error as NodeJS.ErrnoException).code})`,
      exitCodes.usage,
    );
  }
}

async function credentials(
  session: Session,
  pipeline: string,
  options: SendOptions,
): Promise<{ readonly key: string; readonly token: string }> {
  const key = options.key ?? process.env['HOOKLINE_KEY'];
  const token = options.token ?? process.env['HOOKLINE_TOKEN'];
  if (key !== undefined && token !== undefined) return { key, token };
  if (key !== undefined || token !== undefined) {
    throw new CommandError('a key goes with its token: give both, or neither', exitCodes.usage);
  }
  const minted = mint({
    description: 'hookline send',
    pipelines: [pipeline],
    expiresAt: new Date(Date.now() + briefly),
  });
  await (await session.tokens()).create(minted.stored);
  return { key: minted.stored.key, token: minted.token };
}

/** `undefined` when nobody listens. */
async function post(session: Session, { query, body, headers }: Request): Promise<Reply | undefined> {
  try {
    const response = await fetch(`${webhookUrl(session.config)}/?${query}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...headers },
      body,
    });
    return { status: response.status, body: await response.text() };
  } catch (error) {
    const { cause } = error as { readonly cause?: { readonly code?: string } };
    if (cause?.code === 'ECONNREFUSED') return undefined;
    throw new CommandError(`posting failed (${cause?.code ?? 'no answer'})`);
  }
}

async function keep(session: Session, { query, body, headers }: Request): Promise<Reply> {
  await session.spool();
  complain('No server runs: the spool keeps it until one does.');
  const fields = new Headers(headers);
  const header = (name: string) => fields.get(name) ?? undefined;
  return session.container.get(Ingest).accept({ query, peer: undefined, header }, body);
}

interface Answer {
  readonly success: boolean;
  readonly error?: string;
  /** Of a test of the URL, of which nothing is kept. */
  readonly challenge?: string;
  readonly data?: { readonly __kdd_request_id: string; readonly __kdd_request_unix_timestamp: number };
}

function report(reply: Reply, json: boolean): void {
  const answer = JSON.parse(reply.body) as Answer;
  if (json) print(reply.body);
  else if (answer.data !== undefined) print(`accepted as ${answer.data.__kdd_request_id}`);
  else if (answer.challenge !== undefined) print(`a challenge: it is answered, and not kept`);
  if (answer.success || answer.challenge !== undefined) return;
  if (json) process.exitCode = exitCodes.failed;
  else throw new CommandError(`${reply.status} ${answer.error}`);
}
