// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.4;

import {Monoprint} from "../src/Monoprint.sol";
import {ERC721} from "solady/src/tokens/ERC721.sol";
import {Base} from "./Base.sol";

/// @notice Once for each request, by the minter alone, and what a mint leaves behind.
contract MintTest is Base {
    event Transfer(address indexed from, address indexed to, uint256 indexed id);

    function test_mint_gives_the_request_its_token() public {
        uint256 wanted = uint256(keccak256(abi.encode(block.chainid, address(print), REQUEST)));
        vm.expectEmit(address(print));
        emit Transfer(address(0), COLLECTOR, wanted);
        uint256 tokenId = mintOne();
        vm.assertEq(tokenId, wanted);
        vm.assertEq(tokenId, print.tokenIdOf(REQUEST));
        vm.assertEq(print.ownerOf(tokenId), COLLECTOR);
        vm.assertEq(print.balanceOf(COLLECTOR), 1);
        vm.assertEq(print.digestOf(tokenId), DIGEST);
    }

    function test_second_mint_of_a_request_reverts_and_changes_nothing() public {
        uint256 tokenId = mintOne();
        vm.expectRevert(ERC721.TokenAlreadyExists.selector);
        vm.prank(MINTER);
        print.mint(STRANGER, REQUEST, OTHER_DIGEST);
        vm.assertEq(print.ownerOf(tokenId), COLLECTOR);
        vm.assertEq(print.digestOf(tokenId), DIGEST);
    }

    function test_second_mint_reverts_after_the_token_went_away() public {
        uint256 tokenId = mintOne();
        vm.prank(COLLECTOR);
        print.transferFrom(COLLECTOR, STRANGER, tokenId);
        vm.expectRevert(ERC721.TokenAlreadyExists.selector);
        vm.prank(MINTER);
        print.mint(COLLECTOR, REQUEST, DIGEST);
    }

    function test_only_the_minter_mints() public {
        address[3] memory others = [OWNER, COLLECTOR, STRANGER];
        for (uint256 i; i < others.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(Monoprint.NotMinter.selector, others[i], MINTER));
            vm.prank(others[i]);
            print.mint(others[i], REQUEST, DIGEST);
        }
    }

    function test_zeros_are_refused() public {
        vm.startPrank(MINTER);
        vm.expectRevert(Monoprint.RequestIdIsZero.selector);
        print.mint(COLLECTOR, 0, DIGEST);
        vm.expectRevert(Monoprint.DigestIsZero.selector);
        print.mint(COLLECTOR, REQUEST, 0);
        vm.expectRevert(ERC721.TransferToZeroAddress.selector);
        print.mint(address(0), REQUEST, DIGEST);
        vm.stopPrank();
    }

    function test_a_mint_to_a_contract_calls_nobody() public {
        vm.prank(MINTER);
        uint256 tokenId = print.mint(address(this), REQUEST, DIGEST);
        vm.assertEq(print.ownerOf(tokenId), address(this));
    }

    function test_what_was_never_minted_has_neither_owner_nor_digest_nor_uri() public {
        uint256 tokenId = print.tokenIdOf(REQUEST);
        vm.expectRevert(ERC721.TokenDoesNotExist.selector);
        print.ownerOf(tokenId);
        vm.expectRevert(ERC721.TokenDoesNotExist.selector);
        print.digestOf(tokenId);
        vm.expectRevert(ERC721.TokenDoesNotExist.selector);
        print.tokenURI(tokenId);
    }

    function test_transfers_keep_the_digest(address to) public {
        vm.assume(to != address(0));
        uint256 tokenId = mintOne();
        vm.prank(COLLECTOR);
        print.transferFrom(COLLECTOR, to, tokenId);
        vm.assertEq(print.ownerOf(tokenId), to);
        vm.assertEq(print.digestOf(tokenId), DIGEST);
    }

    function test_two_requests_never_share_a_token(bytes32 one, bytes32 other) public {
        vm.assume(one != other && one != 0 && other != 0);
        vm.startPrank(MINTER);
        uint256 first = print.mint(COLLECTOR, one, DIGEST);
        uint256 second = print.mint(COLLECTOR, other, DIGEST);
        vm.stopPrank();
        vm.assertNotEq(first, second);
        vm.assertEq(print.balanceOf(COLLECTOR), 2);
    }

    function test_a_request_has_another_token_on_another_chain_or_contract(uint64 chain) public {
        vm.assume(chain != 0 && chain != block.chainid);
        uint256 here = print.tokenIdOf(REQUEST);
        Monoprint twin = new Monoprint(OWNER, MINTER, "Twin", "TWIN", "", address(0), 0);
        vm.assertNotEq(here, twin.tokenIdOf(REQUEST));
        vm.chainId(chain);
        vm.assertNotEq(here, print.tokenIdOf(REQUEST));
    }
}
