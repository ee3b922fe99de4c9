/**
 * What a model says, and how good that is: predictions of saved models, logits, and the metrics of GLUE and SQuAD.
 * @module
 */
export { type EvaluateRequest, evaluateRun } from '../experiments/evaluate-run.js';
export type { OpenOptions, SavedRequest, StreamOptions } from '../experiments/open-saved.js';
export {
  type Answer,
  type AnswerRequest,
  predictAnswers,
  type Question,
} from '../experiments/predict-answers.js';
export { type Prediction, type PredictRequest, predictTexts } from '../experiments/predict-run.js';
export type { ClassReport, ClassScore } from '../metrics/classes.js';
export { type BleuOptions, bleu } from '../metrics/generation/bleu.js';
export { cider } from '../metrics/generation/cider.js';
export { generationMetrics } from '../metrics/generation/generation.js';
export { nist } from '../metrics/generation/nist.js';
export { rougeL } from '../metrics/generation/rouge.js';
export { glueMetrics } from '../metrics/glue.js';
export type { Metrics } from '../metrics/metrics.js';
export {
  decodeSpans,
  type SpanAnswer,
  type SpanCandidate,
  type SpanLogits,
  type SpanOptions,
  type SpanPredictions,
  type SpanQuestion,
  type SpanWindow,
} from '../metrics/spans.js';
export {
  type SquadPredictions,
  type SquadReference,
  type SquadScores,
  type SquadV2Options,
  type SquadV2Scores,
  scoreSquadV1,
  scoreSquadV2,
} from '../metrics/squad.js';
export { type PredictOptions, predictFeatures } from '../training/evaluate.js';
