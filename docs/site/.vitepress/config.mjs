import { readFileSync } from 'node:fs';
import { defineConfig } from 'vitepress';

const notebooks = JSON.parse(readFileSync(new URL('../pages/notebooks.json', import.meta.url), 'utf8'));
const page = (text, link) => ({ text, link });

export default defineConfig({
  title: 'progtuning',
  description: 'Progressive fine-tuning of Transformers in TypeScript',
  lang: 'en',
  base: process.env.SITE_BASE ?? '/',
  srcDir: 'pages',
  cleanUrls: false,
  // The API reference is TypeDoc's own HTML.
  ignoreDeadLinks: [/^\/api\//],
  themeConfig: {
    search: { provider: 'local' },
    outline: [2, 3],
    nav: [
      page('Guides', '/guides/classify-reviews'),
      page('Notebooks', '/notebooks'),
      { text: 'API', link: '/api/index.html', target: '_self' },
    ],
    sidebar: [
      {
        text: 'Start',
        items: [
          page('What it is', '/'),
          page('Install', '/install'),
          page('Commands', '/commands'),
          page('Results', '/results'),
          page('How claims are judged', '/judging'),
        ],
      },
      {
        text: 'Guides',
        items: [
          page('Classify reviews', '/guides/classify-reviews'),
          page('Answer questions', '/guides/answer-questions'),
          page('Compare methods', '/guides/compare-methods'),
          page('Data of your own', '/own-data'),
          page('Watch and steer a run', '/training'),
          page('Distil a model', '/distillation'),
          page('Decoders', '/decoders'),
          page('Generate text', '/generation'),
          page('Clusters', '/clusters'),
          page('The library', '/library'),
        ],
      },
      { text: 'Notebooks', items: [page('All of them', '/notebooks'), ...notebooks] },
      {
        text: 'Inside',
        items: [
          page('Architecture', '/architecture'),
          page('The engine', '/engine'),
          page('Devices', '/devices'),
          page('Speed', '/speed'),
          page('Contributing', '/contributing'),
          page('Changes', '/changelog'),
        ],
      },
    ],
  },
});
