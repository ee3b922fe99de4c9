/**
 * `progtuning completion`: a script for bash, zsh or fish that completes commands, options and the names that an option takes; files
 * elsewhere. It is made from the program's own description and holds everything, so that a shell starts nothing to complete a word.
 */
import { Argument, type Command } from 'commander';
import { buildProgram } from './program.js';

const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

interface CompletedOption {
  /** `--batch-size` */
  readonly flag: string;
  readonly description: string;
  readonly takesValue: boolean;
  /** Names that it takes; none: anything, or a file. */
  readonly choices: readonly string[];
}

interface Completed {
  /** `evaluate model`; the program itself: nothing. */
  readonly path: string;
  readonly description: string;
  readonly commands: readonly string[];
  readonly options: readonly CompletedOption[];
}

/** The command and all below it. */
function completed(command: Command, path = ''): Completed[] {
  const below = command.commands.map((each) => each.name());
  const options = command.options.flatMap(({ long, description, required, optional, argChoices }) =>
    long ? [{ flag: long, description, takesValue: required || optional, choices: argChoices ?? [] }] : [],
  );
  const help = { flag: '--help', description: 'display help for command', takesValue: false, choices: [] };
  const own = { path, description: command.description(), commands: below, options: [...options, help] };
  const under = command.commands.flatMap((each) => completed(each, `${path} ${each.name()}`.trim()));
  return [own, ...under];
}

/** For the words of `COMP_WORDS` or `words`: which command they call, by the words that are no options. */
const bash = (all: readonly Completed[]): string => {
  const words = ({ commands, options }: Completed): string =>
    [...commands, ...options.map(({ flag }) => flag)].join(' ');
  const choices = all.flatMap(({ path, options }) =>
    options
      .filter((option) => option.choices.length > 0)
      .map(({ flag, choices }) => `    '${path} ${flag}') words='${choices.join(' ')}' ;;`),
  );
  const values = all.flatMap(({ path, options }) =>
    options
      .filter(({ takesValue, choices }) => takesValue && choices.length === 0)
      .map(({ flag }) => `'${path} ${flag}'`),
  );
  return `_progtuning() {
  local word="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" path='' words='' each
  for each in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$path $each" in
${all.flatMap(({ path, commands }) => commands.map((name) => `      '${path} ${name}') path='${`${path} ${name}`.trim()}' ;;`)).join('\n')}
    esac
  done
  case "$path $before" in
${choices.join('\n')}
    ${values.join('|')}) COMPREPLY=($(compgen -f -- "$word")); return ;;
    *) case "$path" in
${all.map((each) => `      '${each.path}') words='${words(each)}' ;;`).join('\n')}
    esac ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$word"))
  if [ \${#COMPREPLY[@]} -eq 0 ]; then COMPREPLY=($(compgen -f -- "$word")); fi
}
complete -o filenames -F _progtuning progtuning
`;
};

/** zsh runs bash's completions. */
const zsh = (all: readonly Completed[]): string =>
  `#compdef progtuning\nautoload -U +X bashcompinit && bashcompinit\n${bash(all)}`;

const quoted = (text: string): string => `'${text.replace(/['\\]/g, '\\$&')}'`;

const fish = (all: readonly Completed[]): string => {
  const seen = (path: string): string =>
    path === ''
      ? '__fish_use_subcommand'
      : path
          .split(' ')
          .map((name) => `__fish_seen_subcommand_from ${name}`)
          .join('; and ');
  const line = (path: string, rest: string): string =>
    `complete -c progtuning -n ${quoted(seen(path))} ${rest}`;
  return `${all
    .flatMap(({ path, commands, options }) => [
      ...commands.map((name) => {
        const { description = '' } = all.find((each) => each.path === `${path} ${name}`.trim()) ?? {};
        return line(path, `-a ${name} -d ${quoted(description)}`);
      }),
      ...options.map(({ flag, description, takesValue, choices }) => {
        const value = choices.length > 0 ? ` -x -a ${quoted(choices.join(' '))}` : takesValue ? ' -r' : '';
        return line(path, `-l ${flag.slice(2)} -d ${quoted(description)}${value}`);
      }),
    ])
    .join('\n')}\n`;
};

const SCRIPTS: Readonly<Record<Shell, (all: readonly Completed[]) => string>> = { bash, zsh, fish };

export const completionScript = (shell: Shell, program: Command): string =>
  SCRIPTS[shell](completed(program));

const EXAMPLES = `
Put the line that your shell wants where it reads it at its start:
  ~/.bashrc:                              eval "$(progtuning completion bash)"
  ~/.zshrc, after compinit:               eval "$(progtuning completion zsh)"
  ~/.config/fish/config.fish:             progtuning completion fish | source

Examples:
  progtuning completion bash
  progtuning completion fish`;

export function registerCompletion(program: Command): void {
  program
    .command('completion')
    .addArgument(new Argument('<shell>').choices(SHELLS))
    .addHelpText('after', EXAMPLES)
    .action(async (shell: Shell) => {
      process.stdout.write(completionScript(shell, await buildProgram()));
    });
}
