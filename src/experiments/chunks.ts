/** Items in groups, as they come: what is tokenised and predicted at once. */

/** Nothing to do about it here: who awaits the promise is told. */
const ignore = (): void => undefined;

/**
 * Items in groups of `size`, in order. With `waitMs` a group waits no longer after its first item, and goes as it is; an item that cannot be
 * read ends the groups after those before it.
 */
export async function* chunksOf<T>(
  items: AsyncIterable<T> | Iterable<T>,
  size: number,
  waitMs?: number,
): AsyncGenerator<T[]> {
  const iterator = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
  const ask = (): Promise<IteratorResult<T>> => {
    const asked = (async () => iterator.next())();
    asked.catch(ignore);
    return asked;
  };
  let next = ask();
  try {
    for (let first = await next; !first.done; first = await next) {
      const chunk = [first.value];
      next = ask();
      let timer: NodeJS.Timeout | undefined;
      const isLate = new Promise<undefined>((resolve) => {
        if (waitMs !== undefined) timer = setTimeout(resolve, waitMs, undefined);
      });
      while (chunk.length < size) {
        const found = await Promise.race([next, isLate]).catch(ignore);
        if (!found || found.done) break;
        chunk.push(found.value);
        next = ask();
      }
      clearTimeout(timer);
      yield chunk;
    }
  } finally {
    // Not awaited: a stream that stands still would not end before its next item.
    (async () => iterator.return?.())().catch(ignore);
  }
}
