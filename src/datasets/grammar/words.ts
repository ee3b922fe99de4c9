/** Common words, with the forms and relations that the grammars need. */

export interface Verb {
  readonly base: string;
  readonly past: string;
  readonly participle: string;
  /** Another verb of the same meaning: base, past, participle. */
  readonly synonym?: Verb | undefined;
}

/** `help` or `buy/bought/bought`; `=` parts a verb from its synonym. */
function verb(text: string): Verb {
  const [own, other] = text.split('=') as [string, string | undefined];
  const [base, past, participle] = own.split('/') as [string, string | undefined, string | undefined];
  const regular = base.endsWith('e')
    ? `${base}d`
    : /[^aeo]y$/.test(base)
      ? `${base.slice(0, -1)}ied`
      : `${base}ed`;
  return {
    base,
    past: past ?? regular,
    participle: participle ?? past ?? regular,
    synonym: other === undefined ? undefined : verb(other),
  };
}
const verbs = (text: string): Verb[] => text.trim().split(/\s+/).map(verb);
/** Words, or phrases, between commas. */
export const words = (text: string): string[] => text.trim().split(/\s*,\s*/);

export const MEN = words(
  'Tom, John, Peter, David, Paul, James, Robert, George, Henry, Frank, Daniel, Martin',
);
export const WOMEN = words('Mary, Anna, Susan, Helen, Jane, Laura, Sarah, Alice, Emma, Ruth, Linda, Julia');

/** Trades, from two walks of life: the second is for splits that must look different. */
export const PEOPLE = words(
  'teacher, doctor, farmer, nurse, lawyer, driver, painter, student, singer, baker, neighbor, gardener, actor, cook',
);
export const OTHER_PEOPLE = words(
  'soldier, captain, judge, minister, engineer, banker, sailor, priest, merchant, officer, scientist, editor, guard, pilot',
);

/** What one person does to another, and not thereby the other to the one (no "meet", no "defeat"). */
export const TO_PEOPLE = verbs(`
  help=assist thank follow praise visit invite warn blame=accuse/accused hire=employ trust pay/paid call=phone
  teach/taught=instruct watch obey support=back attack protect=defend forgive/forgave/forgiven admire question
`);

/** What a person does to a thing. */
export const TO_THINGS = verbs(`
  buy/bought=purchase sell/sold repair=fix find/found=discover lose/lost clean=wash hide/hid/hidden=conceal steal/stole/stolen
  paint break/broke/broken=damage carry=transport borrow choose/chose/chosen=select destroy=ruin keep/kept
`);

export interface Kind {
  readonly name: string;
  readonly members: readonly string[];
}

export const THINGS: readonly Kind[] = [
  { name: 'vehicle', members: words('car, truck, bicycle, bus, van, tractor') },
  { name: 'instrument', members: words('piano, violin, guitar, drum, flute, trumpet') },
  { name: 'piece of furniture', members: words('chair, table, bed, desk, bench, sofa') },
  { name: 'animal', members: words('dog, horse, cow, cat, rabbit, goat') },
];
export const OTHER_THINGS: readonly Kind[] = [
  { name: 'weapon', members: words('gun, sword, knife, rifle, spear, bomb') },
  { name: 'building', members: words('church, hospital, factory, school, hotel, castle') },
  { name: 'tool', members: words('hammer, saw, shovel, axe, drill, brush') },
  { name: 'bird', members: words('eagle, duck, goose, pigeon, parrot, swan') },
];
export const allMembers = (kinds: readonly Kind[]): string[] => kinds.flatMap(({ members }) => members);

export const COLORS = words('red, green, black, white, blue, brown, small, large, old, new, heavy, cheap');
export const PLACES = words(
  'in the park, in the city, near the station, at the market, near the river, in the village, at the harbor, behind the museum, on the island, in the valley',
);
export const TIMES = words(
  'on Monday, on Friday, on Sunday, in March, in October, in 1995, in 2003, last week, in the morning, at night, in the summer, during the war',
);
export const CITIES = words(
  'Paris, London, Rome, Berlin, Madrid, Vienna, Moscow, Boston, Chicago, Tokyo, Dublin, Athens, Prague, Cairo',
);
