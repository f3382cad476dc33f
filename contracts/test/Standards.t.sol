// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.4;

import {Monoprint} from "../src/Monoprint.sol";
import {ERC2981} from "solady/src/tokens/ERC2981.sol";
import {Base} from "./Base.sol";

/// @notice What marketplaces and indexers read: URIs, interfaces, royalties.
contract StandardsTest is Base {
    /// @dev Both CIDs come from other implementations: IPFS gives them for `hello world` and for no bytes.
    function test_uri_is_the_cid_of_the_metadata() public {
        uint256 tokenId = mintOne();
        vm.assertEq(print.tokenURI(tokenId), "ipfs://bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e");
        vm.prank(OWNER);
        print.redact(tokenId, OTHER_DIGEST);
        vm.assertEq(print.tokenURI(tokenId), "ipfs://bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku");
    }

    /// @dev Against a bit-by-bit encoder that shares nothing with the contract's.
    function test_uri_encodes_every_digest(bytes32 digest) public {
        vm.assume(digest != 0);
        vm.prank(MINTER);
        uint256 tokenId = print.mint(COLLECTOR, REQUEST, digest);
        vm.assertEq(print.tokenURI(tokenId), string.concat("ipfs://b", base32(bytes.concat(hex"01551220", digest))));
    }

    function base32(bytes memory data) private pure returns (string memory) {
        bytes memory alphabet = "abcdefghijklmnopqrstuvwxyz234567";
        bytes memory text = new bytes((data.length * 8 + 4) / 5);
        for (uint256 i; i < text.length; ++i) {
            uint256 value;
            for (uint256 bit = i * 5; bit < i * 5 + 5; ++bit) {
                value <<= 1;
                if (bit < data.length * 8) value |= (uint8(data[bit / 8]) >> (7 - bit % 8)) & 1;
            }
            text[i] = alphabet[value];
        }
        return string(text);
    }

    function test_names_and_roles_are_as_constructed() public view {
        vm.assertEq(print.name(), "Harbour Lights");
        vm.assertEq(print.symbol(), "HARB");
        vm.assertEq(print.contractURI(), "ipfs://collection");
        vm.assertEq(print.owner(), OWNER);
        vm.assertEq(print.minter(), MINTER);
    }

    function test_interfaces() public view {
        vm.assertTrue(print.supportsInterface(0x01ffc9a7)); // ERC-165
        vm.assertTrue(print.supportsInterface(0x80ac58cd)); // ERC-721
        vm.assertTrue(print.supportsInterface(0x5b5e139f)); // ERC-721 metadata
        vm.assertTrue(print.supportsInterface(0x2a55205a)); // ERC-2981
        vm.assertTrue(print.supportsInterface(0x49064906)); // ERC-4906
        vm.assertFalse(print.supportsInterface(0xffffffff));
        vm.assertFalse(print.supportsInterface(0x780e9d63)); // ERC-721 enumerable
    }

    function test_royalty() public {
        (address receiver, uint256 amount) = print.royaltyInfo(1, 10_000);
        vm.assertEq(receiver, ARTIST);
        vm.assertEq(amount, 500);
        vm.prank(OWNER);
        print.setRoyalty(STRANGER, 1000);
        (receiver, amount) = print.royaltyInfo(1, 10_000);
        vm.assertEq(receiver, STRANGER);
        vm.assertEq(amount, 1000);
    }

    function test_no_royalty_needs_no_receiver() public {
        Monoprint free = new Monoprint(OWNER, MINTER, "", "", "", address(0), 0);
        (address receiver, uint256 amount) = free.royaltyInfo(1, 10_000);
        vm.assertEq(receiver, address(0));
        vm.assertEq(amount, 0);
        vm.expectRevert(ERC2981.RoyaltyReceiverIsZeroAddress.selector);
        new Monoprint(OWNER, MINTER, "", "", "", address(0), 1);
        vm.expectRevert(ERC2981.RoyaltyOverflow.selector);
        new Monoprint(OWNER, MINTER, "", "", "", ARTIST, 10_001);
    }
}
