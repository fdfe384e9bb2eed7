type Sdk = typeof import('snowflake-sdk');

/** Of the SDK's own HTTP client what is needed here. */
interface HttpClient {
  readonly interceptors: {
    readonly request: { use(change: (request: HttpRequest) => HttpRequest): void };
  };
}

interface HttpRequest {
  snowflakeRetryConfig?: { readonly maxRetries: number };
}

let loading: Promise<Sdk> | undefined;

/** Loads the SDK, once, when it is first needed: it is large. */
export async function loadSdk(): Promise<Sdk> {
  loading ??= load();
  return await loading;
}

async function load(): Promise<Sdk> {
  // Said before it is loaded, unless somebody else has said otherwise: it would ask the cloud's metadata
  // services and AWS's STS where it runs, load a native library for its telemetry, and report both.
  for (const name of [
    'SNOWFLAKE_DISABLE_PLATFORM_DETECTION',
    'SNOWFLAKE_DISABLE_MINICORE',
    'SF_TELEMETRY_DISABLE_CONNECTION_SHAPE',
  ]) {
    process.env[name] ??= 'true';
  }
  const { default: sdk } = await import('snowflake-sdk');
  // Its own log is a file in the working folder; a logger of ours takes that out of its hands.
  const silent = () => {};
  sdk.configure({
    logLevel: 'OFF',
    customLogger: { error: silent, warn: silent, info: silent, debug: silent, trace: silent },
  });
  await sendOnce();
  return sdk;
}

/**
 * It would send a statement a thousand times, for hours, with no option against it: a call of ours would not
 * end, nor the process. A statement is sent once; the engine repeats the batch.
 */
async function sendOnce(): Promise<void> {
  const module = 'snowflake-sdk/dist/lib/http/axios_instance.js';
  const { default: axios } = (await import(module)).default as { default: HttpClient };
  axios.interceptors.request.use((config) => {
    config.snowflakeRetryConfig = { ...config.snowflakeRetryConfig, maxRetries: 0 };
    return config;
  });
}
