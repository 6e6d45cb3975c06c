import Button from '@cloudscape-design/components/button';
import ContentLayout from '@cloudscape-design/components/content-layout';
import Form from '@cloudscape-design/components/form';
import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import type { ReactNode } from 'react';
import { go } from '../confab/router';
import { useSubmit } from '../confab/submit';
import { Trouble } from './state';

interface Props {
  title: string;
  description?: string;
  /** What the button says; there is none if nothing can be changed. */
  action?: string;
  ready: boolean;
  submit: () => Promise<unknown>;
  /** The address of the page to which Cancel leads. */
  back: string;
  children: ReactNode;
  /** What follows the form. */
  after?: ReactNode;
}

/** A page that is one form. */
export function FormPage({ title, description, action, ready, submit, back, children, after }: Props) {
  const { busy, trouble, onSubmit } = useSubmit(submit);
  return (
    <ContentLayout header={<Header variant="h1" description={description}>{title}</Header>}>
      <SpaceBetween size="l">
        <form onSubmit={onSubmit}>
          <Form
            actions={
              <SpaceBetween direction="horizontal" size="xs">
                <Button variant="link" formAction="none" onClick={() => go(back)}>Cancel</Button>
                {action && <Button variant="primary" formAction="submit" loading={busy} disabled={!ready}>{action}</Button>}
              </SpaceBetween>
            }
          >
            <SpaceBetween size="l">
              {trouble && <Trouble problem={trouble} />}
              {children}
            </SpaceBetween>
          </Form>
        </form>
        {after}
      </SpaceBetween>
    </ContentLayout>
  );
}
