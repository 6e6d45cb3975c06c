package history_test

// crashDir, when set, makes the test binary the process that the crash test kills.
const crashDir = "CONFAB_TEST_CRASH_DIR"

func work(string) error { return nil }
