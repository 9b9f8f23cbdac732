// Where the floor runs among the contenders of a round, and which of its runs stand around a contender.

/** Contenders between two runs of the floor. */
const apart = 5;

/** The order of a round: the contenders, with the floor before and after every few of them; as they are where it has no part. */
export function withFloors(contenders, floor) {
  const base = contenders.find(({ name }) => name === floor);
  if (base === undefined) return contenders;
  const others = contenders.filter((contender) => contender !== base);
  const groups = Array.from({ length: Math.ceil(others.length / apart) }, (_, n) =>
    others.slice(n * apart, (n + 1) * apart),
  );
  return [base, ...groups.flatMap((group) => [...group, base])];
}

/** The figures of the floor's runs last before and first after a place in a round; of a run of the floor, its own. */
export function floorsAround(order, figures, at, floor) {
  const isFloor = ({ name }) => name === floor;
  if (isFloor(order[at])) return [figures[at]];
  const before = order.slice(0, at).findLastIndex(isFloor);
  const after = order.slice(at).findIndex(isFloor);
  return before < 0 ? [] : [figures[before], figures[at + after]];
}
