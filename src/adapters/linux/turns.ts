/** Of what takes about a microsecond each: together well below a millisecond. */
const ITEMS_A_TURN = 1000;

/** Does `action` for each item, and lets the event loop run now and then: long tables must not hold up the rest. */
export async function inTurns<Item>(items: Iterable<Item>, action: (item: Item) => void): Promise<void> {
  let count = 0;
  for (const item of items) {
    action(item);
    count += 1;
    if (count % ITEMS_A_TURN === 0) await new Promise(setImmediate);
  }
}
