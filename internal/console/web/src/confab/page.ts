// What the server has written into the page, and where it is.

interface Page {
  region: string;
  account: string;
  dev?: { accessKeyId: string; secretAccessKey: string };
}

export const page: Page = JSON.parse(document.querySelector<HTMLMetaElement>('meta[name=confab]')!.content || '{"region":"us-west-2","account":"000000000000"}');

/** The endpoint of the API: this page's, without the console's path. */
export const endpoint = location.origin + location.pathname.slice(0, Math.max(0, location.pathname.indexOf('/_confab/console/')));

/** The URL of the Messaging API. */
export const chatUrl = endpoint.replace(/^http/, 'ws');
