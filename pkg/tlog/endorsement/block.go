package endorsement

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// ConfigBlock is what a block says that brought a configuration into force.
type ConfigBlock struct {
	Number   uint64
	Channel  string
	At       time.Time // as the orderer that cut it, or the maker of a first block, wrote
	Sequence uint64
	Members  []string // MSP ids of the application's organisations, sorted
	Config   []byte   // common.Config, as it stands in the block
}

const (
	headerConfig  = 1 // common.HeaderType_CONFIG
	metaSignature = 0 // common.BlockMetadataIndex_SIGNATURES
	maxBlock      = 16 << 20
)

// ParseConfigBlock reads a common.Block that holds a configuration. It checks
// no signature of an orderer: who pins what it says compares fingerprints.
func ParseConfigBlock(raw []byte) (ConfigBlock, error) {
	b, data, _, err := parseBlock(raw)
	if err != nil {
		return ConfigBlock{}, blockError(err)
	}
	if len(data) != 1 {
		return ConfigBlock{}, blockError(errors.New("a block of a configuration has one transaction"))
	}
	f := read(data[0])
	payload := f.need(1)
	f.may(2)
	if err := f.end("envelope"); err != nil {
		return ConfigBlock{}, blockError(err)
	}
	f = read(payload)
	header, body := f.need(1), f.need(2)
	if err := f.end("payload"); err != nil {
		return ConfigBlock{}, blockError(err)
	}
	if err := b.parseHeader(header); err != nil {
		return ConfigBlock{}, blockError(err)
	}
	f = read(body)
	b.Config = f.need(1)
	f.message(2) // the update that led here
	if err := f.end("configuration envelope"); err != nil {
		return ConfigBlock{}, blockError(err)
	}
	c, err := parseConfig(b.Config)
	if err != nil {
		return ConfigBlock{}, blockError(err)
	}
	b.Sequence, b.Members = c.sequence, slices.Sorted(maps.Keys(c.members))
	return b, nil
}

func blockError(err error) error {
	return refuse(CheckConfiguration, MenderChannel, "block: %v", err)
}

// parseBlock reads common.Block.
func parseBlock(raw []byte) (b ConfigBlock, data, metadata [][]byte, err error) {
	if len(raw) > maxBlock {
		return b, nil, nil, fmt.Errorf("longer than %d bytes", maxBlock)
	}
	f := read(raw)
	header, _ := f.message(1)
	body, _ := f.message(2)
	meta, _ := f.message(3)
	if err := f.end("block"); err != nil {
		return b, nil, nil, err
	}
	f = read(header)
	b.Number = f.varint(1)
	f.may(2)
	f.may(3)
	if err := f.end("block header"); err != nil {
		return b, nil, nil, err
	}
	f = read(body)
	data = f.each(1)
	if err := f.end("block data"); err != nil {
		return b, nil, nil, err
	}
	f = read(meta)
	metadata = f.each(1)
	return b, data, metadata, f.end("block metadata")
}

func (b *ConfigBlock) parseHeader(raw []byte) error {
	f := read(raw)
	channel := f.need(1)
	f.may(2)
	if err := f.end("header"); err != nil {
		return err
	}
	f = read(channel)
	kind := f.varint(1)
	f.varint(2)
	at, _ := f.message(3)
	b.Channel = string(f.need(4))
	f.may(5)
	f.varint(6)
	f.may(7)
	f.may(8)
	if err := f.end("channel header"); err != nil {
		return err
	}
	if kind != headerConfig {
		return fmt.Errorf("header type %d is no configuration", kind)
	}
	f = read(at)
	seconds, nanos := f.varint(1), f.varint(2)
	if seconds == 0 || seconds > maxSeconds || nanos >= uint64(time.Second) {
		return errors.New("a timestamp out of range")
	}
	b.At = time.Unix(int64(seconds), int64(nanos)).UTC()
	return f.end("timestamp")
}

// LastConfig tells the number of the block that held the configuration in
// force when this one was cut; a configuration's own block names itself.
func LastConfig(block []byte) (uint64, error) {
	_, _, metadata, err := parseBlock(block)
	if err != nil {
		return 0, blockError(err)
	}
	if len(metadata) <= metaSignature || len(metadata[metaSignature]) == 0 {
		return 0, nil // the first block is signed by nobody
	}
	f := read(metadata[metaSignature])
	value := f.need(1)
	f.each(2)
	if err := f.end("metadata"); err != nil {
		return 0, blockError(err)
	}
	f = read(value)
	last, _ := f.message(1)
	f.may(2)
	if err := f.end("orderer's metadata"); err != nil {
		return 0, blockError(err)
	}
	f = read(last)
	index := f.varint(1)
	return index, blockEnd(f.end("last configuration"))
}

func blockEnd(err error) error {
	if err != nil {
		return blockError(err)
	}
	return nil
}
