import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import type { Command } from 'commander';
import { Ingest, isReply } from '../../core/intake/ingest.js';
import type { Reply } from '../../core/intake/reply.js';
import { CommandError, exitCodes } from '../cli/exit.js';
import { configOption, jsonOption } from '../cli/options.js';
import { complain, print } from '../cli/output.js';
import { OwnToken, type Sent } from '../cli/own-token.js';
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

export function send(program: Command): void {
  program
    .command('send <pipeline> [file]')
    .description('post a JSON file, or standard input, to a pipeline; the spool keeps it when no server runs')
    .option('--key <key>', 'the key of a token (mints one, and removes it)')
    .option('--token <token>', 'the token; better in HOOKLINE_TOKEN, as others see what is typed here')
    .addOption(configOption())
    .addOption(jsonOption())
    .action((pipeline: string, file: string | undefined, options: SendOptions) =>
      Session.run(options.config, async (session) => {
        const { id, signature, paused } = session.pipeline(pipeline);
        const body = await bodyFrom(file);
        const headers = signature?.scheme.sign(body, Date.now()) ?? {};
        const send = async (credentials: Readonly<Record<string, string>>, signal?: AbortSignal) => {
          const query = new URLSearchParams({ pipeline_id: id, ...credentials }).toString();
          const request = { query, body, headers };
          const posted = await post(session, request, signal);
          const requestId = report(posted ?? (await keep(session, request)), options.json ?? false);
          return { requestId, isJudgedSoon: posted !== undefined && !paused };
        };
        const given = credentialsOf(options);
        // A signature with a key stands for the token.
        if (given !== undefined || signature?.key !== undefined) await send(given ?? {});
        else await sendByOwnToken(await OwnToken.create(session, id), send);
      }),
    );
}

async function sendByOwnToken(
  own: OwnToken,
  send: (credentials: Readonly<Record<string, string>>, signal: AbortSignal) => Promise<Sent>,
): Promise<void> {
  let sent: Sent = { requestId: undefined, isJudgedSoon: false };
  try {
    sent = await send({ key: own.key, token: own.token }, own.interrupted);
  } finally {
    await own.remove(sent);
  }
}

async function bodyFrom(file: string | undefined): Promise<Buffer> {
  if (file === undefined || file === '-') return buffer(process.stdin);
  try {
    return await readFile(file);
  } catch (error) {
    throw new CommandError(
      `${file} cannot be read (${(error as NodeJS.ErrnoException).code})`,
      exitCodes.usage,
    );
  }
}

function credentialsOf(options: SendOptions): { readonly key: string; readonly token: string } | undefined {
  const key = options.key ?? process.env['HOOKLINE_KEY'];
  const token = options.token ?? process.env['HOOKLINE_TOKEN'];
  if (key !== undefined && token !== undefined) return { key, token };
  if (key === undefined && token === undefined) return undefined;
  throw new CommandError('a key goes with its token: give both, or neither', exitCodes.usage);
}

/** `undefined` when nobody listens. */
async function post(
  session: Session,
  { query, body, headers }: Request,
  signal?: AbortSignal,
): Promise<Reply | undefined> {
  try {
    const response = await fetch(`${webhookUrl(session.config)}/?${query}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...headers },
      body,
      ...(signal !== undefined && { signal }),
    });
    return { status: response.status, body: await response.text() };
  } catch (error) {
    signal?.throwIfAborted();
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
  const ingest = session.container.get(Ingest);
  const judged = ingest.admit({ query, peer: undefined, header }, body.length, Number.POSITIVE_INFINITY);
  return isReply(judged) ? judged : ingest.accept(judged, body);
}

interface Answer {
  readonly success: boolean;
  readonly error?: string;
  /** Of a test of the URL, of which nothing is kept. */
  readonly challenge?: string;
  readonly data?: { readonly __kdd_request_id: string; readonly __kdd_request_unix_timestamp: number };
}

/** Returns the id of a request that was accepted. */
function report(reply: Reply, json: boolean): string | undefined {
  const answer = JSON.parse(reply.body) as Answer;
  if (json) print(reply.body);
  else if (answer.data !== undefined) print(`accepted as ${answer.data.__kdd_request_id}`);
  else if (answer.challenge !== undefined) print(`a challenge: it is answered, and not kept`);
  if (answer.success || answer.challenge !== undefined) return answer.data?.__kdd_request_id;
  if (!json) throw new CommandError(`${reply.status} ${answer.error}`);
  process.exitCode = exitCodes.failed;
  return undefined;
}
