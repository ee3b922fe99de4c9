/** The confusion matrices of a run, drawn beside its model. */
import { join } from 'node:path';
import type { RunRecord } from '../experiments/run-record.js';
import { writeTextAtomically } from '../models/config-file.js';
import { confusionMatrix, MOST_CLASSES } from '../report/confusion.js';
import { canDraw, DRAWING_PACKAGES, figureToSvg } from '../report/svg.js';
import { note } from './progress.js';

/** `confusion_validation.svg`, `confusion_test.svg`; none where there are too many classes to read, or nothing to draw with. */
export async function saveConfusions(folder: string, { classReports = {}, spec }: RunRecord): Promise<void> {
  for (const [split, { classes, confusion }] of Object.entries(classReports)) {
    if (confusion === undefined || classes.length > MOST_CLASSES) continue;
    if (!canDraw()) {
      note(`no confusion matrix is drawn; to draw it: npm install ${DRAWING_PACKAGES}`);
      return;
    }
    const rows = classes.reduce((sum, { support }) => sum + support, 0);
    const figure = confusionMatrix({
      title: `What the ${split} rows are, and what they are taken for`,
      caption: `${rows} rows of ${split}; ${spec.method.kind}, ${spec.schedule.kind}, seed ${spec.seed}. Shade: share of the row's class.`,
      classes: classes.map(({ label }) => label),
      counts: confusion,
    });
    await writeTextAtomically(join(folder, `confusion_${split}.svg`), await figureToSvg(figure));
  }
}
