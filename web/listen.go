package web

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// ErrOpenListen is listening beyond loopback with nobody asked who they are.
var ErrOpenListen = errors.New("web: refusing to listen beyond this machine without authentication")

// CheckListen says whether the address may be listened on: any with
// authentication configured, only loopback without.
func CheckListen(addr string, authConfigured bool) error {
	if _, _, err := net.SplitHostPort(addr); err != nil {
		return fmt.Errorf("listen address: %w", err)
	}
	if authConfigured || loopbackAddr(addr) {
		return nil
	}
	return fmt.Errorf("%w: %s (configure a token, or listen on 127.0.0.1)", ErrOpenListen, addr)
}

// loopbackAddr says whether a listener on addr can be reached from this
// machine only. A name other than localhost may resolve to anything.
func loopbackAddr(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	return err == nil && loopbackHost(host)
}

func loopbackHost(host string) bool {
	if strings.EqualFold(strings.TrimSuffix(host, "."), "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// trustedHost says whether a request's Host header names this machine. A page
// whose name was rebound to 127.0.0.1 sends its own name.
func trustedHost(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	return loopbackHost(strings.Trim(host, "[]"))
}
