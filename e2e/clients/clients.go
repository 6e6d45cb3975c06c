// Package clients tests Confab with the official clients, unmodified: the AWS CLI, boto3, the
// AWS SDKs for Go and JavaScript, and the IVS Chat client SDK for JavaScript in Node and in
// Chromium. The only thing that they are configured with is an endpoint.
//
// It needs node, python3 with boto3, the AWS CLI, Chromium (/usr/bin/chromium, or the program
// in CHROMIUM), and the npm packages of e2e/clients/node and examples/browser, which
// "make setup" installs.
package clients
