const committing = new Set<object>();
let heeded = false;

/**
 * From now on, and until `ended`, a `process.exit` of this process is a SIGKILL. It would wait for Node's threads
 * first, and one of them may be in the midst of a commit that waits for this process's event loop, which does not
 * turn any more: for ever, with LMDB's lock in its hands. Nothing is lost by it that a crash would not lose.
 */
export function begun(commit: object): void {
  committing.add(commit);
  if (heeded) return;
  heeded = true;
  process.on('exit', () => {
    if (committing.size > 0) process.kill(process.pid, 'SIGKILL');
  });
}

export function ended(commit: object): void {
  committing.delete(commit);
}
