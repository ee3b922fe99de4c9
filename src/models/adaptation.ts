/**
 * The two places where a PEFT method may enter a model: after a linear map (LoRA) and at the end of a sub-layer, before the
 * residual sum (Adapter). BitFit needs neither. A model calls the hooks by name and knows no method.
 */
import type { Tensor2D } from '../engine/tfjs.js';

/** What a hook may use while the model is traced. */
export interface HookContext {
  /** A parameter's tensor by its full name; throws when it is not among the model's parameters. */
  parameter(name: string): Tensor2D;
  /** Inverted dropout; the identity in evaluation or at rate 0. */
  dropout(x: Tensor2D, rate: number): Tensor2D;
}

/** How a method enters a model: hooks, each of which may be left out. */
export interface Adaptation {
  /**
   * Called after every linear map of blocks, embeddings and head, y = x W^T + b.
   * @param module Hugging Face module name, e.g. `bert.encoder.layer.3.attention.self.query`
   * @param x [rows, in]; @param y [rows, out]; @returns [rows, out]
   */
  readonly linear?: (module: string, x: Tensor2D, y: Tensor2D, context: HookContext) => Tensor2D;
  /**
   * Called on a sub-layer's output after its dense map and dropout, before the residual sum and layer norm.
   * @param module `bert.encoder.layer.3.attention.output` or `bert.encoder.layer.3.output`
   * @param h [rows, hidden]; @returns [rows, hidden]
   */
  readonly subLayer?: (
    module: string,
    subLayer: 'attention' | 'feed-forward',
    h: Tensor2D,
    context: HookContext,
  ) => Tensor2D;
}

/** The plain model. */
export const noAdaptation: Adaptation = {};
