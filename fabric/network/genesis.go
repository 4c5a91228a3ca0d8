package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"text/template"

	"go.yaml.in/yaml/v3"
)

// The channel's first configuration. Every organisation's peer must endorse by the
// chaincode's own policy; the channel's policies say who may change the channel.
var configtx = template.Must(template.New("configtx").Parse(`Organizations:
  - &Ord
    Name: {{.OrdererMSP}}
    ID: {{.OrdererMSP}}
    MSPDir: {{.OrdererDir}}
    Policies: {{template "roles" .OrdererMSP}}
    OrdererEndpoints: [{{range $i, $o := .Orderers}}{{if $i}}, {{end}}"localhost:{{$o.Port}}"{{end}}]
{{- range .Organisations}}
  - &{{.MSP}}
    Name: {{.MSP}}
    ID: {{.MSP}}
    MSPDir: {{.Dir}}
    Policies: {{template "roles" .MSP}}
    AnchorPeers: [{Host: localhost, Port: {{.Port}}}]
{{- end}}
Profiles:
  Anchors:
    Policies: {{template "meta"}}
    Capabilities: {V2_0: true}
    Orderer:
      OrdererType: etcdraft
      BatchTimeout: {{.BatchTimeout}}
      BatchSize: {MaxMessageCount: 100, AbsoluteMaxBytes: 10 MB, PreferredMaxBytes: 2 MB}
      Organizations: [*Ord]
      Capabilities: {V2_0: true}
      Policies:
        <<: {{template "meta"}}
        BlockValidation: {Type: ImplicitMeta, Rule: "ANY Writers"}
      EtcdRaft:
        Options: {TickInterval: 100ms, ElectionTick: 10, HeartbeatTick: 1, MaxInflightBlocks: 5, SnapshotIntervalSize: 16 MB}
        Consenters:
{{- range .Orderers}}
          - {Host: localhost, Port: {{.Port}}, ClientTLSCert: "{{.Cert}}", ServerTLSCert: "{{.Cert}}"}
{{- end}}
    Application:
      Organizations: [{{range $i, $o := .Organisations}}{{if $i}}, {{end}}*{{$o.MSP}}{{end}}]
      Capabilities: {V2_5: true}
      Policies:
        <<: {{template "meta"}}
        LifecycleEndorsement: {Type: ImplicitMeta, Rule: "MAJORITY Endorsement"}
        Endorsement: {Type: ImplicitMeta, Rule: "MAJORITY Endorsement"}
{{define "roles"}}{Readers: {Type: Signature, Rule: "OR('{{.}}.member')"}, Writers: {Type: Signature, Rule: "OR('{{.}}.member')"}, Admins: {Type: Signature, Rule: "OR('{{.}}.admin')"}, Endorsement: {Type: Signature, Rule: "OR('{{.}}.peer')"}}{{end -}}
{{define "meta"}}{Readers: {Type: ImplicitMeta, Rule: "ANY Readers"}, Writers: {Type: ImplicitMeta, Rule: "ANY Writers"}, Admins: {Type: ImplicitMeta, Rule: "MAJORITY Admins"}}{{end -}}
`))

type genesisOrderer struct {
	Port int
	Cert string
}

type genesisOrg struct {
	MSP, Dir string
	Port     int
}

func (n *network) genesis(ctx context.Context) error {
	view := struct {
		OrdererMSP, OrdererDir, BatchTimeout string
		Orderers                             []genesisOrderer
		Organisations                        []genesisOrg
	}{OrdererMSP: ordererMSP, OrdererDir: n.path("crypto", "ordererOrganizations", "ord.test", "msp"), BatchTimeout: n.BatchTimeout}
	for i := 1; i <= n.Orderers; i++ {
		view.Orderers = append(view.Orderers, genesisOrderer{n.ordererPort(i), n.ordererDir(i, "tls", "server.crt")})
	}
	for o := 1; o <= organisation; o++ {
		view.Organisations = append(view.Organisations, genesisOrg{mspOf(o), n.orgDir(o, "msp"), n.peerPort(o)})
	}
	var y strings.Builder
	if err := configtx.Execute(&y, view); err != nil {
		return err
	}
	if err := os.WriteFile(n.path("cfg", "configtx.yaml"), []byte(y.String()), 0o600); err != nil {
		return err
	}
	return n.tool(ctx, nil, "configtxgen", "-configPath", n.path("cfg"), "-profile", "Anchors", "-channelID", channel, "-outputBlock", n.block())
}

func (n *network) block() string { return n.path("cfg", "genesis.block") }

// settings writes the peers' core.yaml: Fabric's sample, with us as the one builder.
func (n *network) settings() error {
	raw, err := os.ReadFile(n.Fabric + "/core.yaml")
	if err != nil {
		return err
	}
	var core map[string]any
	if err := yaml.Unmarshal(raw, &core); err != nil {
		return fmt.Errorf("core.yaml: %w", err)
	}
	section, ok := core["chaincode"].(map[string]any)
	if !ok {
		return fmt.Errorf("core.yaml has no chaincode section")
	}
	section["externalBuilders"] = []map[string]any{{
		"name": packageType, "path": n.path("builder"),
	}}
	if raw, err = yaml.Marshal(core); err != nil {
		return err
	}
	return os.WriteFile(n.path("cfg", "core.yaml"), raw, 0o600)
}
