interface Head<T> {
  value: T;
  readonly rest: Iterator<T>;
}

/**
 * One sequence out of several, each of which keeps its own order: always the head that is `before` the
 * others, at a tie the one of the earlier source. The same sources give the same sequence for ever, and
 * so do the two parts of it cut anywhere: that is what lets a batch be written down as mere ranges.
 */
export function* merge<T>(sources: Iterable<Iterable<T>>, before: (a: T, b: T) => boolean): Generator<T> {
  const heads: Head<T>[] = [];
  try {
    for (const source of sources) {
      const rest = source[Symbol.iterator]();
      const first = rest.next();
      if (first.done !== true) heads.push({ value: first.value, rest });
    }
    while (heads.length > 0) {
      let least = 0;
      for (let index = 1; index < heads.length; index++) {
        const [a, b] = [heads[index], heads[least]];
        if (a !== undefined && b !== undefined && before(a.value, b.value)) least = index;
      }
      const head = heads[least];
      if (head === undefined) return;
      yield head.value;
      const next = head.rest.next();
      if (next.done === true) heads.splice(least, 1);
      else head.value = next.value;
    }
  } finally {
    for (const head of heads) head.rest.return?.();
  }
}
