/** The rooms of docs/architecture.md as a picture: who may import whom, and in which rooms a batch's walk has its steps. */

export interface Room {
  readonly name: string;
  /** Rooms that it may import; `*`: all. */
  readonly imports: readonly string[];
}

const BOX = { width: 132, height: 46, across: 72, down: 44 } as const;
const MARGIN = 16;

/** `engine/fused` is of the room `engine`. */
const roomOf = (path: string): string => path.split('/')[0] as string;

/** Rooms of the table: `| name | what it does | may import |`. */
export const roomsOf = (page: string): Room[] =>
  [...page.matchAll(/^\| (\w+) \| [^|]+ \|([^|]*)\|$/gm)]
    .filter(([, name]) => name !== 'room')
    .map(([, name, imports]) => ({
      name: name as string,
      imports: [...new Set((imports as string).split(',').flatMap((each) => roomOf(each.trim()) || []))],
    }));

/** Steps of the walk: file paths under src/, by the number of the step. */
export const walkOf = (page: string): { readonly step: number; readonly files: readonly string[] }[] => {
  const walk = page.slice(page.indexOf('walk from text to record'));
  return [...walk.matchAll(/^(\d+)\. ((?:.+\n?(?!\d+\. |\n))+)/gm)].map(([, step, text]) => ({
    step: Number(step),
    files: [...(text as string).matchAll(/`([\w/-]+\.ts)`/g)].map(([, file]) => file as string),
  }));
};

/** What a room imports and no room that it imports does: the others follow. */
function direct(rooms: ReadonlyMap<string, readonly string[]>, name: string): string[] {
  const reached = (from: string, seen = new Set<string>()): Set<string> => {
    for (const to of rooms.get(from) ?? []) if (!seen.has(to)) reached(to, seen.add(to));
    return seen;
  };
  const own = rooms.get(name) ?? [];
  return own.filter((to) => !own.some((other) => other !== to && reached(other).has(to)));
}

/** @param walk the steps of each room */
export function roomsSvg(table: readonly Room[], walk: ReadonlyMap<string, readonly number[]>): string {
  const inner = table.filter(({ imports }) => !imports.includes('*'));
  const names = [...new Set([...inner.map(({ name }) => name), ...inner.flatMap(({ imports }) => imports)])];
  const imports = new Map<string, readonly string[]>(inner.map((room) => [room.name, room.imports]));
  const whole = table.filter(({ imports }) => imports.includes('*')).map(({ name }) => name);
  // The command line and the door import what nothing else imports.
  const tops = names.filter((name) => !inner.some((room) => room.imports.includes(name)));
  for (const name of whole)
    imports.set(
      name,
      tops.filter((top) => top !== 'index'),
    );
  const all = [...new Set([...whole, ...names])];
  const depth = (name: string): number => 1 + Math.max(-1, ...(imports.get(name) ?? []).map(depth));
  const layers = new Map<number, string[]>();
  for (const name of all) layers.set(depth(name), [...(layers.get(depth(name)) ?? []), name]);
  const deepest = Math.max(...layers.keys());
  const widest = Math.max(...[...layers.values()].map((layer) => layer.length));
  const width = 2 * MARGIN + widest * (BOX.width + BOX.across) - BOX.across;
  const height = 2 * MARGIN + (deepest + 1) * (BOX.height + BOX.down) - BOX.down;
  const place = new Map(
    [...layers].flatMap(([level, layer]) =>
      layer.map((name, i) => {
        const left = (width - layer.length * (BOX.width + BOX.across) + BOX.across) / 2;
        const [x, y] = [
          left + i * (BOX.width + BOX.across),
          MARGIN + (deepest - level) * (BOX.height + BOX.down),
        ];
        return [name, { x, y }] as const;
      }),
    ),
  );
  const lines = all.flatMap((name) =>
    direct(imports, name).map((to) => {
      const [from, end] = [place.get(name), place.get(to)] as [
        { x: number; y: number },
        { x: number; y: number },
      ];
      const [x1, y1] = [from.x + BOX.width / 2, from.y + BOX.height];
      const [x2, y2] = [end.x + BOX.width / 2, end.y - 3];
      // A long arrow keeps to the gap between the boxes that it passes.
      const bend = y2 - y1 > BOX.height + BOX.down ? (y2 - y1) * 0.8 : BOX.down * 0.7;
      return `<path d="M${x1} ${y1}C${x1} ${y1 + bend} ${x2} ${y2 - bend} ${x2} ${y2}" marker-end="url(#a)"/>`;
    }),
  );
  const boxes = all.map((name) => {
    const { x, y } = place.get(name) as { x: number; y: number };
    const steps = walk.get(name);
    const label = steps
      ? `<text class="s" x="${x + BOX.width / 2}" y="${y + 36}">walk: ${steps.join(', ')}</text>`
      : '';
    const at = y + (steps ? 20 : 27);
    return `<rect${steps ? ' class="w"' : ''} x="${x}" y="${y}" width="${BOX.width}" height="${BOX.height}" rx="6"/><text x="${x + BOX.width / 2}" y="${at}">${name}</text>${label}`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="Rooms of src: an arrow leads from a room to one that it may import">`,
    '<style>rect{fill:#fff;stroke:#0072b2;stroke-width:1.5}.w{fill:#e6f1f8}path{fill:none;stroke:#5f5f5f;stroke-width:1.2}text{font:600 15px Helvetica,Arial,sans-serif;fill:#222;text-anchor:middle}.s{font-weight:400;font-size:12px}</style>',
    '<defs><marker id="a" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z" style="fill:#5f5f5f;stroke:none"/></marker></defs>',
    `<rect width="${width}" height="${height}" style="fill:#fff;stroke:none"/>`,
    ...lines,
    ...boxes,
    '</svg>',
    '',
  ].join('\n');
}
