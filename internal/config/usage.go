// Code generated from the comments of Config by go generate; DO NOT EDIT.

package config

// usage has the line of help of every setting.
var usage = map[string]string{
	"dev":                      "Serve one developer: fixed credentials that are printed, account 000000000000, a room named demo, and loopback addresses only.",
	"config":                   "YAML file with settings; its keys are the names of the flags without the dashes in front.",
	"listen":                   "Address of the API, the WebSocket, /healthz and /readyz: one port for all.",
	"admin-listen":             "Address of /metrics and /debug/pprof; \"off\" closes it.",
	"tls-cert":                 "Certificate chain (PEM) with which the main port speaks TLS; read again on SIGHUP.",
	"tls-key":                  "Private key (PEM) of --tls-cert; read again on SIGHUP.",
	"trusted-proxies":          "Networks whose X-Forwarded-For is believed: it then is the address for aws:SourceIp, for Sender.Ip in message review and for limits per address.",
	"cors-origins":             "Origins whose pages may call the API; * is any.",
	"region":                   "AWS region of every ARN and signature.",
	"account-id":               "AWS account of every ARN, 12 digits.",
	"root-access-key-id":       "Access key id of the administrator, who may do everything.",
	"root-secret-access-key":   "Secret access key of the administrator.",
	"data-dir":                 "Directory of the SQLite database and of the secret key.",
	"database":                 "Database URL: empty or \"sqlite\" is SQLite in the data directory, for one server; postgres://USER:PASSWORD@HOST:5432/NAME?sslmode=verify-full is PostgreSQL 13 or newer, which several servers share. All parameters of libpq can be given; CONFAB_DATABASE keeps the password out of the list of processes.",
	"secret-key-file":          "File with the key that seals credentials and token keys in the database, 32 bytes in base64; CONFAB_SECRET_KEY can hold it instead. With neither, a key is made in the data directory; PostgreSQL needs one of the two, the same on every server.",
	"secret-key":               "The key itself, instead of a file with it.",
	"quotas":                   "Account quotas and API call rates: off for none, aws for the numbers that AWS gives an account. Limits per room and per connection always hold.",
	"connect-rate-per-user":    "Connects that one user may make.",
	"connect-rate-per-address": "Connects that one client address may make.",
	"max-connections":          "Connections at a time to all rooms; 0 sets no limit.",
	"event-attributes-max":     "Bytes of a SendEvent's attributes, keys and values together: 1024 as the API model says, up to the 4096 that AWS allows since November 2025.",
	"token-lifetime":           "How long a chat token can be used to connect; 0 means as long as its session lasts, 60s is what AWS did in 2022.",
	"drain-time":               "How long a stopping server spreads the goodbyes to its connections.",
	"delivery-window":          "How long frames of a busy room are gathered into one write: auto, which is 0 in small rooms and grows with the load, or a fixed time.",
	"close-on-room-delete":     "End the connections to a room that is deleted. AWS leaves them open.",
	"review-timeout":           "How long a message waits for its message review handler, a cold start included; then the room's fallback result decides. AWS waits 200ms.",
	"messageReviewHandlers":    "What stands behind message review handlers, by the ARN of the Lambda function that rooms name, or a pattern of ARNs with asterisks. The first that matches decides: lambda is the function itself, through the AWS SDK (AWS_ENDPOINT_URL_LAMBDA names another endpoint), lambda:NAME a function of that name, http://… or https://… a server that takes a POST, exec:PROGRAM ARG… a Lambda runtime program that is run on this machine. What matches nothing is lambda. See the end of this page.",
	"log-retention":            "How long delivered frames of rooms with chat logging are kept for it.",
	"log-level":                "Least severity of log lines.",
	"log-format":               "Form of log lines on standard error: auto is text on a terminal and JSON elsewhere.",
}
