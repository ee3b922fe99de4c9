/**
 * Lays out the pages of the site in `pages/`: README, docs, notebooks and the API reference as they stand in the repository, links turned
 * towards the site. VitePress makes the rest. Run by `npm run docs:site` of the repository.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, posix, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const site = dirname(fileURLToPath(import.meta.url));
const root = resolve(site, '../..');
const pages = join(site, 'pages');
/** Where what is no page of the site is read. */
const SOURCE = process.env.SITE_SOURCE ?? '';

/** A file of the repository -> its page. */
const PAGES = new Map([
  ['README.md', 'index.md'],
  ['CHANGELOG.md', 'changelog.md'],
  ['CONTRIBUTING.md', 'contributing.md'],
]);
const names = (folder, ending) => readdirSync(join(root, folder)).filter((name) => name.endsWith(ending));
for (const folder of ['docs', 'docs/guides'])
  for (const name of names(folder, '.md')) PAGES.set(`${folder}/${name}`, `${folder.slice(5)}/${name}`.replace(/^\//, ''));
for (const name of names('notebooks', '.ipynb'))
  PAGES.set(`notebooks/${name}`, `notebooks/${name.replace('.ipynb', '.md')}`);

const pictures = new Set();

/** @param file that the link stands in @returns where it leads on the site */
function target(link, file) {
  if (/^(https?:|mailto:|#)/.test(link)) return link;
  const [path, anchor] = link.split('#');
  const to = posix.join(posix.dirname(file), path);
  const page = PAGES.get(to);
  if (page) return `/${page.replace(/(index)?\.md$/, '')}${anchor ? `#${anchor}` : ''}`;
  if (/\.(svg|png)$/.test(to)) {
    pictures.add(to);
    return `/${to}`;
  }
  return SOURCE ? `${SOURCE}/${to}${anchor ? `#${anchor}` : ''}` : undefined;
}

/** Links and pictures; what leads nowhere on the site is text. */
const turned = (text, file) =>
  text.replace(/(!?)\[((?:[^\][]|\[[^\]]*\])*)\]\(([^)\s]+)\)/g, (_, mark, label, link) => {
    const to = target(link, file);
    return to === undefined ? label : `${mark}[${label}](${to})`;
  });

/** Vue would read braces and angle brackets outside code as its own. */
const plain = (text) =>
  text
    .split(/(^```[\s\S]*?^```$|`[^`\n]+`)/m)
    .map((part, i) => (i % 2 === 1 ? part : part.replace(/\{\{/g, '&#123;&#123;').replace(/<(?=[A-Za-z][\w.]*>)/g, '&lt;')))
    .join('');

/** Whether a table or a figure, HTML without scripts, is shown as it is. */
const html = (text) => `<div class="output" v-pre>\n\n${text.replace(/\n\s*\n/g, '\n')}\n\n</div>`;

function outputOf({ output_type: type, text, data = {}, ename, evalue }) {
  const of = (mime) => [data[mime] ?? []].flat().join('');
  if (type === 'error') return `\`\`\`text\n${ename}: ${evalue}\n\`\`\``;
  if (type === 'stream') return `\`\`\`text\n${[text].flat().join('').trimEnd()}\n\`\`\``;
  if (data['text/html']) return html(of('text/html'));
  if (data['text/markdown']) return of('text/markdown');
  return `\`\`\`text\n${of('text/plain')}\n\`\`\``;
}

function notebook(file) {
  const { cells } = JSON.parse(readFileSync(join(root, file), 'utf8'));
  return cells
    .map(({ cell_type: type, source, outputs = [] }) => {
      const text = [source].flat().join('');
      if (type === 'markdown') return plain(turned(text, file));
      return [`\`\`\`ts\n${text}\n\`\`\``, ...outputs.map(outputOf)].join('\n\n');
    })
    .join('\n\n');
}

rmSync(pages, { recursive: true, force: true });
for (const [file, page] of PAGES) {
  const to = join(pages, page);
  mkdirSync(dirname(to), { recursive: true });
  const text = file.endsWith('.ipynb')
    ? notebook(file)
    : plain(turned(readFileSync(join(root, file), 'utf8'), file));
  writeFileSync(to, `${text}\n`);
}
writeFileSync(
  join(pages, 'notebooks.json'),
  JSON.stringify(
    names('notebooks', '.ipynb').map((name) => {
      const { cells } = JSON.parse(readFileSync(join(root, 'notebooks', name), 'utf8'));
      const [, title] = /^# (.+)$/m.exec([cells[0].source].flat().join(''));
      return { text: title, link: `/notebooks/${name.replace('.ipynb', '')}` };
    }),
  ),
);
for (const picture of pictures) {
  if (!existsSync(join(root, picture))) throw new Error(`${picture}: no such picture`);
  mkdirSync(join(pages, 'public', dirname(picture)), { recursive: true });
  cpSync(join(root, picture), join(pages, 'public', picture));
}
execFileSync(process.execPath, [join(root, 'node_modules/typedoc/bin/typedoc'), '--options', 'docs/typedoc.json', '--out', join(pages, 'public/api')], {
  cwd: root,
  stdio: ['ignore', 'ignore', 'inherit'],
});
process.stdout.write(`${PAGES.size} pages, ${pictures.size} pictures in ${relative(root, pages)}\n`);
