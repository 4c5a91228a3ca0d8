package fabric

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"

	"github.com/govmydata/mydata/pkg/tlog/endorsement"
)

// WriteTrust pins the channel's configuration as a peer gives it now.
func (c *Chain) WriteTrust(ctx context.Context, dir string) error {
	raw, err := c.gateway.GetNetwork(c.connection.Channel).GetContract("cscc").EvaluateWithContext(ctx, "GetChannelConfig", client.WithArguments(c.connection.Channel))
	if err != nil {
		return err
	}
	sum := sha256.Sum256(raw)
	m := endorsement.Manifest{
		Channel: c.connection.Channel, Chaincode: c.connection.Chaincode, Organisations: c.organisations(), Quorum: len(c.organisations()),
		Configs: []endorsement.Pinned{{File: endorsement.ConfigFile(0), From: time.Now().Add(-time.Hour).UTC().Format(time.RFC3339), SHA256: hex.EncodeToString(sum[:])}},
	}
	text, _, err := m.Seal()
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, endorsement.ManifestFile), text, 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, endorsement.ConfigFile(0)), raw, 0o600)
}
