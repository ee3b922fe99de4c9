/** What serves exported folders beside ours: @huggingface/transformers, which is given folders and asks no hub. */

type Served = typeof import('@huggingface/transformers') & {
  /** How models are opened. */
  readonly options: {
    readonly dtype: 'fp32';
    readonly session_options: { readonly intraOpNumThreads: number; readonly interOpNumThreads: number };
  };
};

/** @param threads of a product */
export async function transformersJs(threads: number): Promise<Served> {
  const module = await import('@huggingface/transformers');
  module.env.allowRemoteModels = false;
  module.env.localModelPath = '/';
  const session = { intraOpNumThreads: threads, interOpNumThreads: 1 };
  return { ...module, options: { dtype: 'fp32', session_options: session } };
}
