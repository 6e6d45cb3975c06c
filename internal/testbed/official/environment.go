package official

import (
	"os"
	"path/filepath"
	"testing"

	"confab/internal/testbed/process"
)

// Dir has the programs that drive the official clients in Node, as seen from any
// package of e2e.
const Dir = "../clients/node"

// Environment is what an application of IVS Chat has in its environment, with
// the endpoint of the API and the URL of the Messaging API changed.
func Environment(endpoint, websocket string) []string {
	return append(os.Environ(),
		"AWS_ACCESS_KEY_ID="+process.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+process.SecretAccessKey,
		"AWS_REGION="+process.Region, "AWS_DEFAULT_REGION="+process.Region,
		"AWS_ENDPOINT_URL_IVSCHAT="+endpoint, "CHAT_URL="+websocket,
		"AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null",
		"AWS_PAGER=", "NODE_NO_WARNINGS=1")
}

// Impatient is added to an environment for the applications whose backend gives up on a
// token after three seconds.
const Impatient = "TOKEN_WITHIN=3000"

// Need fails the test when the npm packages of dir are missing.
func Need(t testing.TB, dir string) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(dir, "node_modules", ".package-lock.json")); err != nil {
		t.Fatalf("%s has no node_modules: run \"make setup\", or \"npm ci\" there", dir)
	}
}
