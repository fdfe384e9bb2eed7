/** The result, or the signal's reason as soon as it fires. */
export async function sooner<T>(result: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) return await result;
  let abort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
  });
  try {
    return await Promise.race([result, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
