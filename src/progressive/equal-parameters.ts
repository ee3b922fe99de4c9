/** Parts of like numbers of scalars. The paper's parts have like numbers of blocks, and the embeddings belong to none of them. */

/** Scalars by place. */
export interface PartSizes {
  /** Of what trains with the lowest part; 0 where the embeddings never train. */
  readonly embeddings: number;
  /** Of each block, from the lowest up. */
  readonly blocks: readonly number[];
}

/**
 * Cuts blocks into T consecutive parts; the embeddings count to the lowest. A cut lies where the sum of scalars below it is nearest to its
 * share t / T of the whole, and no part is empty.
 * @param stages T, at most as many as there are blocks @returns 0-based indices of the blocks of P_1..P_T
 */
export function equalParameterParts({ embeddings, blocks }: PartSizes, stages: number): number[][] {
  /** Scalars below a cut at each block. */
  const below = [embeddings];
  for (const size of blocks) below.push((below.at(-1) as number) + size);
  const total = below.at(-1) as number;
  const cuts = [0];
  for (let t = 1; t < stages; t++) {
    const share = (t * total) / stages;
    const far = (cut: number): number => Math.abs((below[cut] as number) - share);
    const least = (cuts.at(-1) as number) + 1;
    const most = blocks.length - (stages - t);
    let best = least;
    for (let cut = least; cut <= most; cut++) if (far(cut) < far(best)) best = cut;
    cuts.push(best);
  }
  return cuts.map((first, i) =>
    Array.from({ length: (cuts[i + 1] ?? blocks.length) - first }, (_, k) => first + k),
  );
}
