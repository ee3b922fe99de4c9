/** An option that takes one of a few names says which one a wrong name is nearest to. */
import { type Command, InvalidArgumentError } from 'commander';
import { didYouMean } from '../nearest.js';

/** Of the command and those below it. */
export function suggestChoices(command: Command): void {
  for (const option of command.options) {
    const { argChoices, parseArg } = option;
    if (!argChoices || !parseArg) continue;
    option.parseArg = <T>(text: string, previous: T): T => {
      if (argChoices.includes(text)) return parseArg(text, previous) as T;
      throw new InvalidArgumentError(
        `Allowed choices are ${argChoices.join(', ')}.${didYouMean(text, argChoices)}`,
      );
    };
  }
  for (const each of command.commands) suggestChoices(each);
}
