/** README.md and, where it can be drawn, the loss curve, beside the weights of a model that was trained on text. */
import { basename, join, resolve } from 'node:path';
import { writeTextAtomically } from '../models/config-file.js';
import type { Figure } from '../report/frame.js';
import type { CardOptions } from '../report/model-card.js';
import { canDraw, DRAWING_PACKAGES, figureToSvg } from '../report/svg.js';
import { note } from './progress.js';
import type { TextRunFlags } from './text-run-options.js';

/** @param figureOf name of the model -> its curve @param cardOf the curve's file name, if it was drawn -> the card */
export async function writeTextCard(
  { out, textSource, license }: TextRunFlags,
  figureOf: (name: string) => Figure,
  cardOf: (options: CardOptions, figure: string | undefined) => string,
): Promise<void> {
  const name = basename(resolve(out));
  const figure = canDraw() ? 'loss.svg' : undefined;
  if (figure) await writeTextAtomically(join(out, figure), await figureToSvg(figureOf(name)));
  else note(`the model card has no loss curve; to draw it: npm install ${DRAWING_PACKAGES}`);
  await writeTextAtomically(join(out, 'README.md'), cardOf({ name, textSource, license }, figure));
}
