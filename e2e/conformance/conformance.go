// Package conformance holds Confab, or any other endpoint, against what Amazon
// IVS Chat is known to do: one named case for each fact of the API model, the
// IVS Chat user guide, the Messaging API reference and the official clients.
//
// The cases know nothing of the server but its address. Without further words
// they build and start "confab serve"; with
//
//	CONFAB_TEST_ENDPOINT=http://host:port CONFAB_TEST_WEBSOCKET=ws://host:port
//	CONFAB_TEST_ACCESS_KEY_ID=… CONFAB_TEST_SECRET_ACCESS_KEY=… [CONFAB_TEST_SESSION_TOKEN=…]
//	CONFAB_TEST_REGION=… CONFAB_TEST_ACCOUNT_ID=…
//
// they are held against that endpoint. The cases that need a server of their
// own (flags, restarts, credentials with policies) belong to the first way only.
// The last line of the output counts the cases.
package conformance
