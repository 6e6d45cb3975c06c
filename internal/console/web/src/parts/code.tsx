import CopyToClipboard from '@cloudscape-design/components/copy-to-clipboard';

export function Code({ text, label }: { text: string; label: string }) {
  return (
    <div className="code">
      <pre tabIndex={0} aria-label={label}>{text}</pre>
      <div className="code-copy">
        <CopyToClipboard variant="icon" copyButtonAriaLabel={`Copy ${label}`} copySuccessText="Copied" copyErrorText="The browser did not allow copying" textToCopy={text} />
      </div>
    </div>
  );
}
