// Package conformance tests whether Confab, or any other endpoint, behaves like Amazon IVS
// Chat. It has one named case for each fact of the API model, the IVS Chat user guide, the
// Messaging API reference and the official clients.
//
// The cases use only the address of the server. By default they build and start
// "confab serve". With
//
//	CONFAB_TEST_ENDPOINT=http://host:port CONFAB_TEST_WEBSOCKET=ws://host:port
//	CONFAB_TEST_ACCESS_KEY_ID=… CONFAB_TEST_SECRET_ACCESS_KEY=… [CONFAB_TEST_SESSION_TOKEN=…]
//	CONFAB_TEST_REGION=… CONFAB_TEST_ACCOUNT_ID=…
//
// they test that endpoint. Then the cases that need a server of their own (flags, restarts,
// credentials with policies) are left out. The last line of the output counts the cases.
package conformance
