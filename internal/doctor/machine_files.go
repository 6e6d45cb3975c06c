package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"confab/internal/config"
)

const (
	littleDisk = 1 << 30
	fewInodes  = 10_000
)

// own reports whether the server keeps its data in a directory and not in PostgreSQL.
func (m *Machine) own() bool {
	return m.Config.Database == "" || m.Config.Database == "sqlite"
}

// data checks who may read and write the data directory.
func (m *Machine) data(context.Context) (Finding, bool) {
	const name = "data directory"
	dir := m.Config.DataDir
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !m.own():
		return nothing()
	case errors.Is(err, fs.ErrNotExist):
		return ok(name, "%s does not exist; confab serve creates it", dir)
	case err != nil:
		return bad(name, err.Error(), "give the user of the server access to the directories above it (chmod o+x), or choose another directory with --data-dir"), true
	case !info.IsDir():
		return bad(name, dir+" is not a directory", "name a directory with --data-dir"), true
	}
	if problem, fix := access(dir, info); problem != "" {
		return bad(name, problem, fix), true
	}
	if config.WritableByOthers(dir) {
		return bad(name, fmt.Sprintf("every user of this machine can replace the files in %s, including the keys of the server", dir), fmt.Sprintf("run chmod 700 %q", dir)), true
	}
	var open []string
	for _, pattern := range []string{"*.db", "*.key"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			continue // No pattern is wrong.
		}
		for _, file := range found {
			if config.ReadableByOthers(file) {
				open = append(open, fmt.Sprintf("%q", file))
			}
		}
	}
	for _, file := range []string{m.Config.SecretKeyFile, m.Config.TLSKey, m.Config.ClusterTLSKey, m.Config.NATSCredentials} {
		if file != "" && config.ReadableByOthers(file) {
			open = append(open, fmt.Sprintf("%q", file))
		}
	}
	if len(open) > 0 {
		files := strings.Join(open, " ")
		return bad("keys", "every user of this machine can read "+files+", and with that messages, credentials or keys", "run chmod 600 "+files), true
	}
	return ok(name, "this user can write to %s, and other users cannot read its databases and keys", dir)
}

// disk checks the space where the data is or will be.
func (m *Machine) disk(context.Context) (Finding, bool) {
	const name = "disk"
	dir := m.Config.DataDir
	for {
		if _, err := os.Stat(dir); err == nil || dir == filepath.Dir(dir) {
			break
		}
		dir = filepath.Dir(dir)
	}
	free, inodes, err := space(dir)
	if err != nil {
		return nothing()
	}
	if free < littleDisk {
		return bad(name, fmt.Sprintf("%d MiB are free at %s: when the disk is full, rooms cannot be changed, and chat logs and history lose messages", free/mebibyte, dir),
			"free 1 GiB or more, move the directory (--data-dir), or keep messages for less time (--log-retention, the confab:history tag of rooms)"), true
	}
	if inodes < fewInodes {
		return bad(name, fmt.Sprintf("only %d more files can be created at %s (free inodes): at zero, the server cannot open its database", inodes, dir), "delete files there, or move the directory (--data-dir)"), true
	}
	return ok(name, "%d MiB are free at %s", free/mebibyte, dir)
}

// certificate checks the files of --tls-cert and --tls-key.
func (m *Machine) certificate(context.Context) (Finding, bool) {
	const name = "certificate"
	if m.Config.TLSCert == "" {
		return nothing()
	}
	pair, err := tls.LoadX509KeyPair(m.Config.TLSCert, m.Config.TLSKey)
	if err != nil {
		return bad(name, err.Error(), "name a certificate and its key with --tls-cert and --tls-key, both in PEM format"), true
	}
	leaf := pair.Leaf
	until := leaf.NotAfter.UTC().Format(time.DateTime)
	if time.Until(leaf.NotAfter) < soonExpired {
		detail := "it expires at " + until + " UTC: from then on, clients refuse it"
		if time.Now().After(leaf.NotAfter) {
			detail = "it expired at " + until + " UTC: clients refuse it"
		}
		return bad(name, detail, "renew it, then send the server SIGHUP (kill -HUP): it reads the file again"), true
	}
	_, err = leaf.Verify(x509.VerifyOptions{})
	if _, unknown := errors.AsType[x509.UnknownAuthorityError](err); unknown && len(pair.Certificate) == 1 && leaf.CheckSignatureFrom(leaf) != nil {
		return bad(name, m.Config.TLSCert+" has only the certificate of the server: clients that do not have the intermediate certificate refuse it",
			"append the intermediate certificates to the file (certbot: use fullchain.pem)"), true
	}
	return ok(name, "it is valid until %s UTC", until)
}

// database connects to PostgreSQL, and compares its clock.
func (m *Machine) database(ctx context.Context) (Finding, bool) {
	const name = "database"
	if m.own() {
		return nothing()
	}
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	conn, err := pgx.Connect(ctx, m.Config.Database)
	if err != nil {
		problem := strings.ReplaceAll(err.Error(), m.Config.Database, config.HidePassword(m.Config.Database))
		return bad(name, problem, "start PostgreSQL, correct --database, or allow this machine in its pg_hba.conf"), true
	}
	defer conn.Close(ctx)
	begin := time.Now()
	var theirs time.Time
	if err := conn.QueryRow(ctx, "SELECT clock_timestamp()").Scan(&theirs); err != nil {
		return bad(name, err.Error(), "look for the reason in the log of PostgreSQL"), true
	}
	took := time.Since(begin)
	if skew := theirs.Sub(begin.Add(took / 2)).Abs(); skew > someSkew {
		return bad(name, fmt.Sprintf("the clocks of this machine and of PostgreSQL differ by %s: tokens and bans expire at the wrong time", skew.Round(time.Second)),
			"set both clocks by NTP (timedatectl set-ntp true)"), true
	}
	return ok(name, "PostgreSQL answers in %s, and its clock agrees with that of this machine", took.Round(time.Microsecond))
}
