package main

import (
	"fmt"
	"strconv"
	"strings"
)

func (n *network) orderer(i int) process {
	port, tls := n.ordererPort(i), n.ordererDir(i, "tls")
	name := "orderer" + strconv.Itoa(i)
	state := n.path("run", name)
	return process{Name: name, Path: n.Fabric + "/orderer", Port: port + 1, Env: []string{
		"HOME=" + state, "FABRIC_CFG_PATH=" + n.Fabric, "FABRIC_LOGGING_SPEC=warning",
		"ORDERER_GENERAL_LISTENADDRESS=127.0.0.1",
		"ORDERER_GENERAL_LISTENPORT=" + strconv.Itoa(port),
		"ORDERER_GENERAL_BOOTSTRAPMETHOD=none",
		"ORDERER_GENERAL_LOCALMSPID=" + ordererMSP,
		"ORDERER_GENERAL_LOCALMSPDIR=" + n.ordererDir(i, "msp"),
		"ORDERER_GENERAL_TLS_ENABLED=true",
		"ORDERER_GENERAL_TLS_PRIVATEKEY=" + tls + "/server.key",
		"ORDERER_GENERAL_TLS_CERTIFICATE=" + tls + "/server.crt",
		"ORDERER_GENERAL_TLS_ROOTCAS=[" + tls + "/ca.crt]",
		"ORDERER_GENERAL_CLUSTER_CLIENTCERTIFICATE=" + tls + "/server.crt",
		"ORDERER_GENERAL_CLUSTER_CLIENTPRIVATEKEY=" + tls + "/server.key",
		"ORDERER_GENERAL_CLUSTER_ROOTCAS=[" + tls + "/ca.crt]",
		"ORDERER_CHANNELPARTICIPATION_ENABLED=true",
		"ORDERER_ADMIN_LISTENADDRESS=" + listen(port+1),
		"ORDERER_ADMIN_TLS_ENABLED=true",
		"ORDERER_ADMIN_TLS_CERTIFICATE=" + tls + "/server.crt",
		"ORDERER_ADMIN_TLS_PRIVATEKEY=" + tls + "/server.key",
		"ORDERER_ADMIN_TLS_ROOTCAS=[" + tls + "/ca.crt]",
		"ORDERER_ADMIN_TLS_CLIENTROOTCAS=[" + tls + "/ca.crt]",
		"ORDERER_OPERATIONS_LISTENADDRESS=" + listen(port+2),
		"ORDERER_FILELEDGER_LOCATION=" + state + "/ledger",
		"ORDERER_CONSENSUS_WALDIR=" + state + "/wal",
		"ORDERER_CONSENSUS_SNAPDIR=" + state + "/snap",
	}}
}

func (n *network) peer(o int) process {
	port, tls := n.peerPort(o), n.peerDir(o, "tls")
	name := "peer" + strconv.Itoa(o)
	state := n.path("run", name)
	return process{Name: name, Path: n.Fabric + "/peer", Args: []string{"node", "start"}, Port: port, Env: []string{
		"HOME=" + state, "FABRIC_CFG_PATH=" + n.path("cfg"), "FABRIC_LOGGING_SPEC=warning",
		"CORE_PEER_ID=peer0." + domainOf(o),
		"CORE_PEER_NETWORKID=trial",
		"CORE_PEER_LOCALMSPID=" + mspOf(o),
		"CORE_PEER_MSPCONFIGPATH=" + n.peerDir(o, "msp"),
		"CORE_PEER_LISTENADDRESS=" + listen(port),
		"CORE_PEER_ADDRESS=" + host(port),
		"CORE_PEER_CHAINCODELISTENADDRESS=" + listen(port+1),
		"CORE_PEER_CHAINCODEADDRESS=" + host(port+1),
		"CORE_PEER_GOSSIP_BOOTSTRAP=" + host(port),
		"CORE_PEER_GOSSIP_EXTERNALENDPOINT=" + host(port),
		"CORE_PEER_GOSSIP_ORGLEADER=true",
		"CORE_PEER_GOSSIP_USELEADERELECTION=false",
		"CORE_PEER_GOSSIP_STATE_ENABLED=false",
		// Gossip is how a peer learns of the other organisation's, and what it has installed.
		"CORE_PEER_GOSSIP_DIALTIMEOUT=500ms",
		"CORE_PEER_GOSSIP_RECONNECTINTERVAL=200ms",
		"CORE_PEER_GOSSIP_PULLINTERVAL=500ms",
		"CORE_PEER_GOSSIP_DIGESTWAITTIME=50ms",
		"CORE_PEER_GOSSIP_REQUESTWAITTIME=100ms",
		"CORE_PEER_GOSSIP_RESPONSEWAITTIME=200ms",
		"CORE_PEER_GOSSIP_PUBLISHSTATEINFOINTERVAL=500ms",
		"CORE_PEER_GOSSIP_REQUESTSTATEINFOINTERVAL=500ms",
		"CORE_PEER_GOSSIP_ALIVETIMEINTERVAL=500ms",
		"CORE_PEER_TLS_ENABLED=true",
		"CORE_PEER_TLS_CERT_FILE=" + tls + "/server.crt",
		"CORE_PEER_TLS_KEY_FILE=" + tls + "/server.key",
		"CORE_PEER_TLS_ROOTCERT_FILE=" + tls + "/ca.crt",
		"CORE_PEER_FILESYSTEMPATH=" + state + "/data",
		"CORE_LEDGER_SNAPSHOTS_ROOTDIR=" + state + "/snapshots",
		"CORE_OPERATIONS_LISTENADDRESS=" + listen(port+2),
		"CORE_VM_ENDPOINT=",
		"CORE_CHAINCODE_MODE=net",
	}}
}

// service is an organisation's own chaincode process. It serves its own peer alone:
// whoever connects shows a certificate of the organisation's TLS authority.
func (n *network) service(o, sequence int, packageID string) process {
	port := n.chaincodePort(o, sequence)
	name := "chaincode" + strconv.Itoa(o)
	voters := make([]string, organisation)
	for i := range voters {
		voters[i] = mspOf(i + 1)
	}
	return process{Name: name, Path: n.Chaincode, Port: port, Env: []string{
		"CHAINCODE_ID=" + packageID,
		"CHAINCODE_SERVER_ADDRESS=" + listen(port),
		"CHAINCODE_TLS_KEY=" + n.path("tls", name+".key"),
		"CHAINCODE_TLS_CERT=" + n.path("tls", name+".crt"),
		"CHAINCODE_CLIENT_CA_CERT=" + n.peerCA(o),
		"MYDATA_ANCHOR_ORGANISATIONS=" + strings.Join(voters, ","),
		fmt.Sprintf("MYDATA_ANCHOR_VOTES=%d", organisation),
	}}
}

// admin is the environment that makes Fabric's peer command an organisation's administrator.
func (n *network) admin(o int) []string {
	return []string{
		"FABRIC_CFG_PATH=" + n.path("cfg"), "FABRIC_LOGGING_SPEC=error",
		"CORE_PEER_LOCALMSPID=" + mspOf(o), "CORE_PEER_ADDRESS=" + host(n.peerPort(o)),
		"CORE_PEER_TLS_ENABLED=true", "CORE_PEER_TLS_ROOTCERT_FILE=" + n.peerCA(o),
		"CORE_PEER_MSPCONFIGPATH=" + n.orgDir(o, "users", "Admin@"+domainOf(o), "msp"),
	}
}
