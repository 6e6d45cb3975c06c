// Package config is what an operator can set: one struct, filled from flags,
// the environment, a YAML file and defaults, in this order of precedence. Each
// value knows where it came from, and an error names that place.
//
// A setting is a field of Config and a line of the table in settings.go. The
// field's comment is its line in the help and in docs/configuration.md.
//
// The layering is our own: what the libraries for it do, merging maps, is the
// small part of it; where a value came from, down to the line of the file, and
// errors that say so, would have to be built on top of any of them.
package config

import (
	"net/netip"
	"time"
)

//go:generate go test -run ^TestReference$ -update .

// Config is the whole configuration of one server. The zero value of a field
// that has a default is not the default; start from Default.
type Config struct {
	// Serve one developer on this machine: fixed credentials, which are
	// printed, account 000000000000, a room named demo, and loopback addresses
	// only.
	Dev bool
	// YAML file with settings. Its keys are the names of the flags without the
	// leading dashes.
	Config string
	// File with the id of the process that serves. confab restart finds the
	// server by it. After a hand-over it has the id of the new process.
	PIDFile string

	// Address of the API, the WebSocket, /healthz and /readyz: one port for all.
	Listen string
	// Address of /metrics and /debug/pprof; "off" closes it. It has no
	// authentication: if it is not a loopback address, protect it with a
	// firewall.
	AdminListen string
	// Serve /debug/pprof at --admin-listen: true, false, or auto, which is true
	// at a loopback address and false otherwise. Profiles show the content of
	// memory.
	Pprof string
	// Certificate chain (PEM) of the main port, which then uses TLS; read again
	// on SIGHUP.
	TLSCert string
	// Private key (PEM) of --tls-cert; read again on SIGHUP.
	TLSKey string
	// Path of this server on a host that it shares, such as /chat if the
	// endpoint of clients is https://example.com/chat. Empty is the whole host.
	// A proxy in front may pass the path to the server or remove it. /healthz
	// and /readyz answer with the path and without it.
	BasePath string
	// Networks of proxies whose X-Forwarded-For is trusted. The address in it
	// is used for aws:SourceIp, for Sender.Ip in message review and for limits
	// per address.
	TrustedProxies []netip.Prefix
	// Origins of web pages that may call the API. * is any. loopback is any
	// page of this machine and the default with --dev. With --dev it also
	// applies to WebSockets.
	CORSOrigins []string
	// How long an HTTP connection may be idle between two requests. It must be
	// longer than the time for which load balancers keep idle connections:
	// otherwise they send requests on connections that the server is closing.
	// Idle connections are closed earlier when a limit of connections is
	// reached.
	KeepAlive time.Duration

	// AWS region of every ARN and signature.
	Region string
	// AWS account of every ARN, 12 digits.
	AccountID string
	// Access key id of the administrator. It allows everything.
	RootAccessKeyID string
	// Secret access key of the administrator.
	RootSecretAccessKey Secret

	// Directory of the SQLite database, of the secret key, and of what clients
	// with catch-up miss during a restart.
	DataDir string
	// URL of the database. Empty or "sqlite" is SQLite in the data directory,
	// for one server.
	// postgres://USER:PASSWORD@HOST:5432/NAME?sslmode=verify-full is PostgreSQL
	// 13 or newer, which several servers can share. All parameters of libpq are
	// accepted. Set it as CONFAB_DATABASE to keep the password out of the list
	// of processes.
	Database string
	// File with the key that encrypts credentials and token keys in the
	// database: 32 bytes in base64. CONFAB_SECRET_KEY can hold it instead.
	// Without both, SQLite servers create a key in the data directory.
	// PostgreSQL servers need one of the two, and the same key on every server.
	SecretKeyFile string
	// The secret key itself, instead of a file.
	SecretKey Secret

	// Name of this node in logs and in the cluster. The default is the name of
	// the host.
	NodeName string
	// Address at which the other nodes of a cluster reach this one with the
	// built-in NATS. Needs --database postgres://….
	ClusterListen string
	// Addresses of other nodes, nats://HOST:PORT,…. One that is up is enough.
	// The list may contain the address of the node itself.
	ClusterPeers []string
	// File with the secret that the nodes of a cluster share.
	// CONFAB_CLUSTER_SECRET can hold it instead. Nodes with another secret are
	// refused.
	ClusterSecretFile string
	// The cluster secret itself, instead of a file.
	ClusterSecret Secret
	// Certificate chain (PEM) of this node for connections to other nodes or to
	// --nats. Each side shows its certificate and checks the other one.
	ClusterTLSCert string
	// Private key (PEM) of --cluster-tls-cert.
	ClusterTLSKey string
	// Certificates (PEM) of the authority that signed the certificates of the
	// other nodes or of --nats. The default is those of the system.
	ClusterTLSCA string
	// Existing NATS that connects the nodes, instead of --cluster-listen.
	// Several of its servers are separated by commas.
	NATS []string
	// File with the credentials (JWT and seed) of a NATS user.
	NATSCredentials string

	// What Confab adds to IVS Chat: on, off, or off=force. With off, confab:
	// tags of rooms are plain tags, the operations under /_confab/v1/ are
	// closed, and the server does not start while a ban, a signer or a webhook
	// exists. With off=force it starts and ignores them.
	Extensions string
	// Web console at /_confab/console/: on or off. It calls the same operations
	// as every client, with the credentials of its user.
	Console string
	// Memory for frames that clients missed, in rooms with the tag
	// confab:catch-up, such as 256MiB. When it is full, the oldest frames of
	// any room are dropped.
	CatchUpMemory int64
	// Minimum time between two events about viewers in a room with the tag
	// confab:presence.
	PresenceInterval time.Duration
	// Networks with addresses that are not public and that webhooks may call,
	// such as 10.1.0.0/16. With --dev the default is those of this machine.
	WebhookAllow []netip.Prefix
	// Let webhooks call endpoints at http://, too. The default with --dev is
	// true.
	WebhookInsecure bool
	// How long events are kept for the endpoint of a webhook that does not
	// accept them.
	WebhookRetention time.Duration
	// How long the moderation log keeps who did what: deletions, disconnects,
	// bans, modes, filters.
	ModerationLogRetention time.Duration
	// Account quotas and API call rates: off for none, aws for those of a new
	// AWS account. Limits per room and per connection always apply.
	Quotas string
	// Single account quotas and API call rates, by their names. They override
	// those of --quotas; 0 sets no limit. The names are at the end of
	// docs/configuration.md. All nodes of a cluster need the same values.
	ServiceQuotas []ServiceQuota
	// Connects a second that this node accepts from all clients together.
	// Further ones are held, up to a minute, so that many connects do not
	// disturb live rooms.
	ConnectRate Rate
	// Connects a second that one user may make to one room from one address.
	ConnectRatePerUser Rate
	// Connects a second that one client address may make. An IPv6 address is
	// counted with its /64, which is what one subscriber has.
	ConnectRatePerAddress Rate
	// Maximum number of chat connections of this node. 0 computes it from the
	// limit of open files. Further connections wait up to ten seconds for a
	// free place.
	MaxConnections int
	// Maximum number of connections to one room on this node; 0 sets no limit.
	MaxConnectionsPerRoom int
	// Maximum number of connections of one user to one room on this node; 0
	// sets no limit. Clients that refresh a token connect again before they
	// disconnect, so it should be at least 2.
	MaxConnectionsPerUser int
	// Maximum number of connections from one client address (an IPv6 /64) to
	// this node, including those of the API; 0 sets no limit.
	MaxConnectionsPerAddress int
	// Memory in MiB that the process may use before connects have to wait; 0
	// sets no limit. Near the limit, garbage is collected more often.
	MaxMemory int
	// Maximum size of the attributes of SendEvent in bytes, keys and values
	// together: 1024 as in the API model, up to 4096 as AWS allows since
	// November 2025.
	EventAttributesMax int

	// How long a chat token can be used to connect. 0 means as long as its
	// session lasts. 60s is what AWS did in 2022.
	TokenLifetime time.Duration
	// Time over which a node that stops moves its connections to other nodes.
	// For a tenth of it, at most 1s, it serves as before, so that load
	// balancers notice that /readyz answers 503. The drain ends early when no
	// connection is left. A single node has no other node to drain to: it stops
	// within a second.
	DrainTime time.Duration
	// How long frames of a room wait for further ones, so that they share a
	// write: a fixed time, or auto, which is 0 in small rooms and grows with
	// the load.
	DeliveryWindow time.Duration
	// Write to many sockets with one system call: auto, with io_uring where Linux
	// has and allows it, which many containers do not, else with io_submit;
	// io-submit, without io_uring; or off, which needs one call for each socket.
	IOURing string
	// End the connections to a room that is deleted. On AWS they stay open.
	CloseOnRoomDelete bool

	// How long a message waits for its message review handler, including a cold
	// start. After that the room's fallback result decides. AWS waits 200ms.
	ReviewTimeout time.Duration
	// Targets of message review handlers, by the ARN of the Lambda function
	// that rooms name, or by a pattern of ARNs with asterisks. The first
	// pattern that matches is used. lambda is the function itself, through the
	// AWS SDK (AWS_ENDPOINT_URL_LAMBDA sets another endpoint). lambda:NAME is a
	// function of another name. http://… or https://… is a server that accepts
	// a POST. exec:PROGRAM ARG… is a Lambda runtime program on this machine.
	// ARNs without a match use lambda. Details are at the end of
	// docs/configuration.md.
	MessageReviewHandlers []MessageReviewHandler

	// Where chat is logged. aws is S3, CloudWatch Logs and Firehose through the
	// AWS SDK, which finds endpoints and credentials as in every AWS tool
	// (AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL_CLOUDWATCH_LOGS,
	// AWS_ENDPOINT_URL_FIREHOSE). local is files in the data directory.
	LogDestinations string
	// How long records wait for further ones before they are written as an
	// object to S3. An object is also written when it has 5 MiB.
	S3LogInterval time.Duration
	// How long records for CloudWatch Logs and Firehose wait for further ones,
	// so that they share a call.
	LogFlushInterval time.Duration
	// How long records of chat logging are kept for a destination that does not
	// accept them.
	LogRetention time.Duration
	// Minimum severity of log lines: debug, info, warn or error.
	LogLevel string
	// Format of log lines on standard error: text, json, or auto, which is text
	// on a terminal and JSON otherwise.
	LogFormat string

	sources map[string]string
}

// MessageReviewHandler is the target of the message review handlers whose ARN
// matches the pattern.
type MessageReviewHandler struct {
	Pattern string
	Target  string
}

// ServiceQuota is the limit of a quota, by its name in Service Quotas; 0 is none.
type ServiceQuota struct {
	Name  string
	Limit int
}

// AutomaticWindow is the DeliveryWindow of "auto".
const AutomaticWindow time.Duration = -1

// The values of IOURing.
const (
	IOURingAuto   = "auto"
	IOURingSubmit = "io-submit"
	IOURingOff    = "off"
)

// The values of Extensions.
const (
	ExtensionsOn        = "on"
	ExtensionsOff       = "off"
	ExtensionsForcedOff = "off=force"
)

// The values of Console.
const (
	ConsoleOn  = "on"
	ConsoleOff = "off"
)

// The values of Quotas.
const (
	QuotasOff = "off"
	QuotasAWS = "aws"
)

// The values of LogDestinations.
const (
	LogDestinationsAWS   = "aws"
	LogDestinationsLocal = "local"
)

// PprofAuto is the Pprof that is "true" at a loopback address and else "false".
const PprofAuto = "auto"

// AdminOff is the AdminListen of a server without an admin port.
const AdminOff = "off"

// OriginsLoopback stands for all pages of this machine in CORSOrigins.
const OriginsLoopback = "loopback"

// Defaults of --dev. The credentials are public.
const (
	DevAccessKeyID     = "AKIDCONFABDEV0000001"
	DevSecretAccessKey = "confab-dev-secret-key-not-for-production" //nolint:gosec // Public by design; see above.
	DevAccountID       = "000000000000"
	DevDataDir         = "./confab-dev-data"
)

// Default returns the configuration that runs on one machine with nothing set.
// Only the administrator's credentials are missing.
func Default() *Config {
	return &Config{
		Listen:                "127.0.0.1:8080",
		AdminListen:           "127.0.0.1:8081",
		Pprof:                 PprofAuto,
		CORSOrigins:           []string{"*"},
		KeepAlive:             620 * time.Second,
		Region:                "us-west-2",
		AccountID:             "123456789012",
		DataDir:               "./confab-data",
		Extensions:            ExtensionsOn,
		Console:               ConsoleOn,
		CatchUpMemory:         256 << 20,
		PresenceInterval:      5 * time.Second,
		WebhookRetention:      24 * time.Hour,
		Quotas:                QuotasOff,
		ConnectRate:           2000,
		ConnectRatePerUser:    5,
		ConnectRatePerAddress: 200,
		EventAttributesMax:    1024,
		DrainTime:             30 * time.Second,
		DeliveryWindow:        AutomaticWindow,
		IOURing:               IOURingAuto,
		ReviewTimeout:         200 * time.Millisecond,
		LogDestinations:       LogDestinationsAWS,
		S3LogInterval:         5 * time.Minute,
		LogFlushInterval:      5 * time.Second,
		LogRetention:          72 * time.Hour,
		LogLevel:              "info",
		LogFormat:             "auto",

		ModerationLogRetention: 90 * 24 * time.Hour,
	}
}

// useDev replaces the defaults with those of --dev. Values that were set
// remain, except the credentials: they are fixed, so that the printed and
// documented ones are always right.
func (c *Config) useDev() {
	c.AccountID = DevAccountID
	c.DataDir = DevDataDir
	c.CORSOrigins = []string{OriginsLoopback}
	c.LogDestinations = LogDestinationsLocal
	c.WebhookAllow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	c.WebhookInsecure = true
	c.RootAccessKeyID = DevAccessKeyID
	c.RootSecretAccessKey = DevSecretAccessKey
}

// Secret is a value that must not appear in output: it prints as dots. Convert
// it to a string to use it.
type Secret string

// String returns dots, or nothing for an empty secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "••••••••"
}

// GoString is String, for %#v.
func (s Secret) GoString() string { return s.String() }

// MarshalText is String, for encoders and loggers.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Rate is a number per second; 0 means that there is no limit.
type Rate float64
