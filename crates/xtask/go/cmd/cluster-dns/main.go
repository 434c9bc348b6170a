// Command cluster-dns is CoreDNS with only the plugins that a cluster of the test bed needs.
//
// Why not the whole of CoreDNS: its other plugins bring cloud SDKs, which take minutes to compile. There is no
// forwarding on purpose: no name outside the cluster is ever asked for.
package main

import (
	"github.com/coredns/coredns/coremain"

	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/health"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/ready"
)

func main() {
	coremain.Run()
}
