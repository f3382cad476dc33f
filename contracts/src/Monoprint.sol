// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Ownable} from "solady/src/auth/Ownable.sol";
import {ERC2981} from "solady/src/tokens/ERC2981.sol";
import {ERC721} from "solady/src/tokens/ERC721.sol";

/// @title Monoprint
/// @notice One token for each mint request of a collection, and never a second one.
///
/// @dev Invariants:
/// - A token's id is a function of the chain, this contract and the request. Tokens are never burnt, so
///   that a request which was minted once reverts for ever after, whatever the minter's database says.
/// - Every token that exists has a digest that is not zero: the SHA-256 of the bytes of its metadata.
///   Its URI is computed from the digest, and the owner replaces a digest only one token at a time.
/// - Neither a transfer nor a redaction changes who owns what beyond what its name says.
/// - The owner is never the minter: the key that mints unattended can neither redact nor appoint.
///
/// A mint calls nobody: `to` may be a contract that has not heard of ERC-721, and no receiver can make a
/// mint fail, cost more than its simulation said, or re-enter.
contract Monoprint is ERC721, ERC2981, Ownable {
    /*´:°•.°+.*•´.*:˚.°*.˚•´.°:°•.°•.*•´.*:˚.°*.˚•´.°:°•.°+.*•´.*:*/
    /*                       CUSTOM ERRORS                        */
    /*.•°:°.´+˚.*°.˚:*.´•*.+°.•°:´*.´•*.•°.•°:°.´:•˚°.*°.˚:*.´+°.•*/

    /// @notice Only the minter may mint.
    /// @param got Who called.
    /// @param wanted The minter, or zero while nobody may mint.
    error NotMinter(address got, address wanted);

    /// @notice One account cannot be both the owner and the minter.
    /// @param account The account that would have been both.
    error OwnerIsMinter(address account);

    /// @notice A request's id is 32 bytes that are not all zero.
    error RequestIdIsZero();

    /// @notice The digest of metadata is 32 bytes that are not all zero.
    error DigestIsZero();

    /// @notice A redaction must change the digest.
    /// @param tokenId The token.
    /// @param digest The digest that it has and that was given again.
    error DigestUnchanged(uint256 tokenId, bytes32 digest);

    /*´:°•.°+.*•´.*:˚.°*.˚•´.°:°•.°•.*•´.*:˚.°*.˚•´.°:°•.°+.*•´.*:*/
    /*                           EVENTS                           */
    /*.•°:°.´+˚.*°.˚:*.´•*.+°.•°:´*.´•*.•°.•°:°.´:•˚°.*°.˚:*.´+°.•*/

    /// @notice ERC-4906: the metadata of one token changed, caches should read it again.
    /// @param _tokenId The token.
    event MetadataUpdate(uint256 _tokenId);

    /// @notice ERC-7572: the collection's own metadata is at another address.
    event ContractURIUpdated();

    /// @notice A token's metadata were replaced by a version from which something was removed.
    /// @param tokenId The token, which stays valid and where it is.
    /// @param oldDigest What its metadata were known by.
    /// @param newDigest What they are known by from now on.
    event Redacted(uint256 indexed tokenId, bytes32 oldDigest, bytes32 newDigest);

    /// @notice Another account mints from now on.
    /// @param oldMinter Who could mint before; zero for nobody.
    /// @param newMinter Who can mint now; zero for nobody.
    event MinterUpdated(address indexed oldMinter, address indexed newMinter);

    /*´:°•.°+.*•´.*:˚.°*.˚•´.°:°•.°•.*•´.*:˚.°*.˚•´.°:°•.°+.*•´.*:*/
    /*                          STORAGE                           */
    /*.•°:°.´+˚.*°.˚:*.´•*.+°.•°:´*.´•*.•°.•°:°.´:•˚°.*°.˚:*.´+°.•*/

    /// @dev The first characters of every URI: scheme, multibase `b`, then version 1, codec raw (0x55),
    /// hash sha2-256 (0x12), 32 bytes (0x20). These are 32 bits, of which 30 fill six characters of base32
    /// and two, both zero, begin the seventh.
    bytes private constant _URI_PREFIX = "ipfs://bafkrei";

    /// @dev RFC 4648 base32 in lower case, as multibase `b` wants it.
    bytes32 private constant _BASE32 = "abcdefghijklmnopqrstuvwxyz234567";

    address private _minter;
    string private _name;
    string private _symbol;
    string private _contractURI;
    mapping(uint256 tokenId => bytes32 digest) private _digests;

    /// @param owner_ May redact, appoint the minter, and set the royalty and the collection's URI.
    /// @param minter_ May mint; not the owner. Zero: nobody may, until the owner appoints one.
    /// @param name_ The collection's name.
    /// @param symbol_ Its symbol.
    /// @param contractURI_ Where the collection's own metadata are (ERC-7572).
    /// @param royaltyReceiver Who receives royalties; zero where `royaltyBps` is zero.
    /// @param royaltyBps The royalty in hundredths of a percent of the price (ERC-2981).
    constructor(
        address owner_,
        address minter_,
        string memory name_,
        string memory symbol_,
        string memory contractURI_,
        address royaltyReceiver,
        uint96 royaltyBps
    ) {
        if (owner_ == address(0)) revert NewOwnerIsZeroAddress();
        _initializeOwner(owner_);
        _setMinter(minter_);
        _name = name_;
        _symbol = symbol_;
        _contractURI = contractURI_;
        _setRoyalty(royaltyReceiver, royaltyBps);
    }

    /*´:°•.°+.*•´.*:˚.°*.˚•´.°:°•.°•.*•´.*:˚.°*.˚•´.°:°•.°+.*•´.*:*/
    /*                           MINTER                           */
    /*.•°:°.´+˚.*°.˚:*.´•*.+°.•°:´*.´•*.•°.•°:°.´:•˚°.*°.˚:*.´+°.•*/

    /// @notice Mints the one token of a request. A second call for the same request reverts with
    /// `TokenAlreadyExists()`.
    /// @param to The collector.
    /// @param requestId The request, as it is known to the minter.
    /// @param digest The SHA-256 of the token's metadata, byte for byte as they are published.
    /// @return tokenId The token, equal to `tokenIdOf(requestId)`.
    function mint(address to, bytes32 requestId, bytes32 digest) external returns (uint256 tokenId) {
        address wanted = _minter;
        if (msg.sender != wanted) revert NotMinter(msg.sender, wanted);
        if (digest == 0) revert DigestIsZero();
        tokenId = tokenIdOf(requestId);
        _digests[tokenId] = digest;
        _mint(to, tokenId);
    }

    /*´:°•.°+.*•´.*:˚.°*.˚•´.°:°•.°•.*•´.*:˚.°*.˚•´.°:°•.°+.*•´.*:*/
    /*                           OWNER                            */
    /*.•°:°.´+˚.*°.˚:*.´•*.+°.•°:´*.´•*.•°.•°:°.´:•˚°.*°.˚:*.´+°.•*/

    /// @notice Replaces the metadata of one token by a redacted version, where its collector asked for
    /// something to be erased. The token, its id and its owner stay as they are.
    /// @param tokenId The token.
    /// @param newDigest The SHA-256 of the redacted metadata.
    function redact(uint256 tokenId, bytes32 newDigest) external onlyOwner {
        if (newDigest == 0) revert DigestIsZero();
        bytes32 oldDigest = digestOf(tokenId);
        if (newDigest == oldDigest) revert DigestUnchanged(tokenId, newDigest);
        _digests[tokenId] = newDigest;
        emit Redacted(tokenId, oldDigest, newDigest);
        emit MetadataUpdate(tokenId);
    }

    /// @notice Appoints the minter, in the place of the one before.
    /// @param newMinter Not the owner. Zero: nobody may mint.
    function setMinter(address newMinter) external onlyOwner {
        _setMinter(newMinter);
    }

    /// @notice Moves the collection's own metadata.
    /// @param newURI Where they are from now on.
    function setContractURI(string calldata newURI) external onlyOwner {
        _contractURI = newURI;
        emit ContractURIUpdated();
    }

    /// @notice Sets the royalty of every token.
    /// @param receiver Who receives it; zero where `bps` is zero.
    /// @param bps Hundredths of a percent of the price, at most 10,000.
    function setRoyalty(address receiver, uint96 bps) external onlyOwner {
        _setRoyalty(receiver, bps);
    }

    /*´:°•.°+.*•´.*:˚.°*.˚•´.°:°•.°•.*•´.*:˚.°*.˚•´.°:°•.°+.*•´.*:*/
    /*                           VIEWS                            */
    /*.•°:°.´+˚.*°.˚:*.´•*.+°.•°:´*.´•*.•°.•°:°.´:•˚°.*°.˚:*.´+°.•*/

    /// @notice The token that a request has, or will have, on this chain and contract.
    /// @param requestId The request; not zero.
    function tokenIdOf(bytes32 requestId) public view returns (uint256) {
        if (requestId == 0) revert RequestIdIsZero();
        return uint256(keccak256(abi.encode(block.chainid, address(this), requestId)));
    }

    /// @notice The SHA-256 of a token's metadata. Reverts with `TokenDoesNotExist()`.
    /// @param tokenId The token.
    function digestOf(uint256 tokenId) public view returns (bytes32 digest) {
        digest = _digests[tokenId];
        if (digest == 0) revert TokenDoesNotExist();
    }

    /// @notice Where a token's metadata are: `ipfs://` and the CID (version 1, raw, sha2-256, base32) of
    /// the bytes that hash to `digestOf(tokenId)`. Reverts with `TokenDoesNotExist()`.
    /// @param tokenId The token.
    function tokenURI(uint256 tokenId) public view override returns (string memory) {
        uint256 rest = uint256(digestOf(tokenId));
        bytes memory tail = new bytes(52);
        // 2 zero bits of the prefix, 256 of the digest, 2 of padding: 260 bits are 52 characters of 5,
        // written from the last, which holds the digest's last 3 bits and the padding.
        tail[51] = _BASE32[(rest << 2) & 31];
        rest >>= 3;
        for (uint256 i = 51; i > 0;) {
            tail[--i] = _BASE32[rest & 31];
            rest >>= 5;
        }
        return string(bytes.concat(_URI_PREFIX, tail));
    }

    /// @notice Who may mint; zero for nobody.
    function minter() external view returns (address) {
        return _minter;
    }

    /// @notice Where the collection's own metadata are (ERC-7572).
    function contractURI() external view returns (string memory) {
        return _contractURI;
    }

    /// @notice The collection's name.
    function name() public view override returns (string memory) {
        return _name;
    }

    /// @notice The collection's symbol.
    function symbol() public view override returns (string memory) {
        return _symbol;
    }

    /// @notice ERC-165: true for ERC-165, ERC-721, its metadata extension, ERC-2981 and ERC-4906.
    /// @param interfaceId The interface.
    function supportsInterface(bytes4 interfaceId) public view override(ERC721, ERC2981) returns (bool) {
        return ERC721.supportsInterface(interfaceId) || ERC2981.supportsInterface(interfaceId)
            || interfaceId == 0x49064906;
    }

    /*´:°•.°+.*•´.*:˚.°*.˚•´.°:°•.°•.*•´.*:˚.°*.˚•´.°:°•.°+.*•´.*:*/
    /*                          INTERNAL                          */
    /*.•°:°.´+˚.*°.˚:*.´•*.+°.•°:´*.´•*.•°.•°:°.´:•˚°.*°.˚:*.´+°.•*/

    function _setMinter(address newMinter) private {
        if (newMinter == owner() && newMinter != address(0)) revert OwnerIsMinter(newMinter);
        emit MinterUpdated(_minter, newMinter);
        _minter = newMinter;
    }

    /// @dev Every change of owner after the constructor comes through here.
    function _setOwner(address newOwner) internal override {
        if (newOwner == _minter && newOwner != address(0)) revert OwnerIsMinter(newOwner);
        super._setOwner(newOwner);
    }

    function _setRoyalty(address receiver, uint96 bps) private {
        if (bps == 0) _deleteDefaultRoyalty();
        else _setDefaultRoyalty(receiver, bps);
    }
}
