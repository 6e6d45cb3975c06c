import '@cloudscape-design/global-styles/index.css';
import './app.css';
import { I18nProvider } from '@cloudscape-design/components/i18n';
import messages from '@cloudscape-design/components/i18n/messages/all.en';
import { createRoot } from 'react-dom/client';
import { App } from './app';
import { startTheme } from './confab/theme';

startTheme();
createRoot(document.getElementById('root')!).render(
  <I18nProvider locale="en" messages={[messages]}>
    <App />
  </I18nProvider>,
);
