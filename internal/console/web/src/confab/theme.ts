import { applyMode, Mode } from '@cloudscape-design/global-styles';
import { useSyncExternalStore } from 'react';
import { browser } from './storage';

const key = 'confab-theme';
const dark = matchMedia('(prefers-color-scheme: dark)');
const listeners = new Set<() => void>();

// The choice of this page, also in a browser that keeps nothing.
let kept: 'light' | 'dark' | undefined;

function chosen(): 'light' | 'dark' | undefined {
  return kept ?? (browser.get(key) as 'light' | 'dark' | undefined);
}

export function isDark() {
  return (chosen() ?? (dark.matches ? 'dark' : 'light')) === 'dark';
}

function apply() {
  applyMode(isDark() ? Mode.Dark : Mode.Light);
  document.documentElement.style.colorScheme = isDark() ? 'dark' : 'light';
  listeners.forEach((f) => f());
}

export function startTheme() {
  dark.addEventListener('change', apply);
  apply();
}

export function toggleTheme() {
  kept = isDark() ? 'light' : 'dark';
  browser.set(key, kept);
  apply();
}

export function useDark() {
  return useSyncExternalStore((f) => (listeners.add(f), () => listeners.delete(f)), isDark);
}
