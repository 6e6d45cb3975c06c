package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
)

// Verify returns nil if the holder of secret signed r, whose body has the SHA-256
// payloadSHA256Hex (lower-case hex). It compares in constant time and takes the same
// time for a wrong secret as for the right one. A caller without a secret for the
// access key can call it with a made-up one.
//
// A path that ends in an ARN is also verified as SDKs escape it, because proxies may
// have decoded it.
//
// If the request has x-amz-content-sha256, it must be that hash. UNSIGNED-PAYLOAD and
// the streaming forms are for S3 and for operations whose API model allows an
// unsigned body. They are refused, presigned or not.
//
// The signing key is derived every time: four HMACs of some 20 bytes do not justify
// keys in memory.
func (a *Authorization) Verify(r *http.Request, payloadSHA256Hex, secret string) error {
	params, err := parseQuery(r.URL.RawQuery)
	if err != nil {
		return err
	}
	key := a.signingKey(secret)
	signs := func(path string) bool {
		canonical := a.appendCanonicalRequest(make([]byte, 0, 1024), r, canonicalPath(path), params, payloadSHA256Hex)
		return a.matches(signWith(key, a.stringToSign(canonical)))
	}
	right := signs(r.URL.EscapedPath())
	if path, ok := escapedARN(r.URL.Path); ok && !right {
		right = signs(path)
	}
	if !right {
		return refuse(InvalidSignature, "The request signature we calculated does not match the signature you provided. "+
			"Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
	}
	// This check comes last, so that only the signer learns about the body, and every
	// refusal above costs the same.
	for _, claimed := range r.Header["X-Amz-Content-Sha256"] {
		if err := checkPayload(claimed, payloadSHA256Hex); err != nil {
			return err
		}
	}
	for _, p := range params {
		if a.Presigned && p.name == queryContentSHA256 {
			if err := checkPayload(p.value, payloadSHA256Hex); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkPayload(claimed, actual string) error {
	if claimed != actual {
		return refuse(InvalidSignature, "The value of 'x-amz-content-sha256' must be the SHA-256 of the body in lower-case hex; unsigned and streaming payloads are not allowed.")
	}
	return nil
}

// matches compares a signature with the client's, in constant time.
func (a *Authorization) matches(signature string) bool {
	return subtle.ConstantTimeCompare([]byte(signature), []byte(a.Signature)) == 1
}

// stringToSign returns what is signed in place of a canonical request.
func (a *Authorization) stringToSign(canonical []byte) []byte {
	sum := sha256.Sum256(canonical)
	b := make([]byte, 0, 256)
	b = append(b, algorithm+"\n"...)
	b = a.Time.AppendFormat(b, isoBasic)
	for i, part := range [...]string{a.Date, a.Region, a.Service, a.Terminator} {
		b = append(b, "\n/"[min(i, 1)])
		b = append(b, part...)
	}
	b = append(b, '\n')
	return hex.AppendEncode(b, sum[:])
}

func (a *Authorization) signingKey(secret string) []byte {
	key := mac([]byte("AWS4"+secret), []byte(a.Date))
	for _, part := range [...]string{a.Region, a.Service, a.Terminator} {
		key = mac(key, []byte(part))
	}
	return key
}

// signWith returns a signature in lower-case hex.
func signWith(key, stringToSign []byte) string {
	return hex.EncodeToString(mac(key, stringToSign))
}

func mac(key, data []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(data)
	return h.Sum(nil)
}
