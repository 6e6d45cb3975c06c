import { applyMode, Mode } from '@cloudscape-design/global-styles';
import { useSyncExternalStore } from 'react';

const key = 'confab-theme';
const dark = matchMedia('(prefers-color-scheme: dark)');
const listeners = new Set<() => void>();

function chosen(): 'light' | 'dark' | null {
  return localStorage.getItem(key) as 'light' | 'dark' | null;
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
  localStorage.setItem(key, isDark() ? 'light' : 'dark');
  apply();
}

export function useDark() {
  return useSyncExternalStore((f) => (listeners.add(f), () => listeners.delete(f)), isDark);
}
