"""What NumPy refuses is refused: each ``raise`` in NumPy's own functions, and words and shapes that C refuses.

A row is a call that NumPy answers by an exception.  The compiled function raises one of the same
type with the same text.  The last test reads NumPy's source: each text that a function raises which
is compiled here is that of a row, so that a check which NumPy makes is not forgotten.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import autodiff
from autodiff.ops.function_table import functions

V, W = np.arange(5.0) + 0.5, np.arange(6.0) + 0.5
M = np.arange(25.0).reshape(5, 5) + 9.0 * np.eye(5)
CUBE = np.arange(8.0).reshape(2, 2, 2)
INTEGERS = np.arange(5)
NOTHING = np.zeros((0, 3))
NUMBER = np.float64(2.0)
windows = np.lib.stride_tricks.sliding_window_view

# fmt: off
ROWS: list[tuple[Any, ...]] = [
    (lambda x: np.apply_along_axis(np.sum,1,x), NOTHING),
    (lambda x: np.apply_over_axes(lambda a,k:a[0,0],x,[0]), M),
    (lambda x: np.asarray_chkfinite(x), np.array([1,np.nan])),
    (lambda x: np.astype(x,float,device="gpu"), V),
    (lambda x, w: np.average(x,weights=w),M, V),
    (lambda x, w: np.average(x,axis=0,weights=w),M, W),
    (lambda x, w: np.average(x,axis=0,weights=w),M, M[:3]),
    (lambda x, w: np.average(x,axis=5,weights=w),M, V),
    (lambda x: np.clip(x,1.0), V),
    (lambda x: np.clip(x,1.0,2.0,min=3), V),
    (lambda x: np.clip(x), V),
    (lambda x: np.clip(x,None,None), V),
    (lambda x: np.clip(x,max=2.), V),
    (lambda x: np.convolve(x,x,"none"), V),
    (lambda x: np.convolve(x,x), M),
    (lambda x: np.correlate(x,x), M),
    (lambda x: np.cov(x), CUBE),
    (lambda x, y: np.cov(x,y),M, CUBE),
    (lambda x, y: np.cov(x,y),V, W),
    (lambda x: np.cov(x,ddof=1.5), M),
    (lambda x: np.cov(x,fweights=[1.5,1,1,1,1]), M),
    (lambda x: np.cov(x,fweights=np.ones((2,2),int)), M),
    (lambda x: np.cov(x,fweights=np.ones(3,int)), M),
    (lambda x: np.cov(x,fweights=-np.ones(5,int)), M),
    (lambda x, w: np.cov(x,fweights=w),M, -np.ones(5,int)),
    (lambda x, w: np.cov(x,aweights=w),M, np.ones((2,2))),
    (lambda x, w: np.cov(x,aweights=w),M, np.ones(3)),
    (lambda x, w: np.cov(x,aweights=w),M, -np.ones(5)),
    (lambda x: np.cov(x,aweights=[1,1,1,1,-1.]), M),
    (lambda x, w: np.cov(x,aweights=w,ddof=0),M, np.zeros(5)),
    (lambda x: np.cov(x), np.zeros((3,0))),
    (lambda x, y: np.corrcoef(x,y),V, W),
    (lambda x: np.cross(x,x), NUMBER),
    (lambda x: np.cross(x,x,axis=5), V[:3]),
    (lambda x: np.delete(x,[True,False]), V),
    (lambda x: np.delete(x,1,axis=3), M),
    (lambda x: np.diag(x), CUBE),
    (lambda x: np.diag(x), NUMBER),
    (lambda x: np.diagonal(x), V),
    (lambda x: np.diagonal(x,0,1,1), M),
    (lambda x: np.diagonal(x,0,1,2), M),
    (lambda x: np.trace(x,0,1,1), M),
    (lambda x: np.trace(x), V),
    (lambda x: x[np.diag_indices_from(x)], V),
    (lambda x: x[np.diag_indices_from(x)], M[:3]),
    (lambda x: np.diff(x), NUMBER),
    (lambda x: np.diff(x,prepend=x[:3]), M),
    (lambda x: np.digitize(x,[0,1,2]), V+1j),
    (lambda x: np.digitize(x,[0,2,1]), V),
    (lambda x: np.dsplit(x,2), M),
    (lambda x: np.vsplit(x,2), V),
    (lambda x: np.hsplit(x,2), NUMBER),
    (lambda x: np.ediff1d(x,to_begin=1.5), INTEGERS),
    (lambda x: np.ediff1d(x,to_end=1.5), INTEGERS),
    (lambda x: np.ediff1d(x,to_end=1j), V),
    (lambda x: np.einsum("ij->k",x), M),
    (lambda x: np.einsum("ijk->k",x), M),
    (lambda x: np.einsum("ij,jk",x,x[:3]), M),
    (lambda x: np.einsum("ij",x,foo=1), M),
    (lambda x: np.einsum("ij->ijj",x), M),
    (lambda x: np.einsum("ij,jk",x), M),
    (lambda x: np.einsum("i1",x), M),
    (lambda x: np.einsum("ii",x), M[:3]),
    (lambda x: np.fill_diagonal(x,1.), V),
    (lambda x: np.fill_diagonal(x,1.), CUBE[:,:,:1].copy()),
    (lambda x: np.fliplr(x), V),
    (lambda x: np.flipud(x), NUMBER),
    (lambda x: np.geomspace(x,0.,3), 1.),
    (lambda x: np.geomspace(x,2.,3), 0.),
    (lambda x: np.gradient(x,M), V),
    (lambda x: np.gradient(x,W), V),
    (lambda x: np.gradient(x,1.,2.,3.), M),
    (lambda x: np.gradient(x,edge_order=3), V),
    (lambda x: np.gradient(x,edge_order=2), V[:2]),
    (lambda x: np.gradient(x), V[:1]),
    (lambda x: np.gradient(x,axis=3), M),
    (lambda x: np.gradient(x,foo=3), M),
    (lambda x: np.gradient(x,axis=(0,0)), M),
    (lambda x: np.gradient(x), NUMBER),
    (lambda x: np.histogramdd(x,[2,3,4]), M[:,:2].copy()),
    (lambda x: np.histogramdd(x,[2,0]), M[:,:2].copy()),
    (lambda x: np.histogramdd(x,[2,2.5]), M[:,:2].copy()),
    (lambda x: np.histogramdd(x,[2,[2,1,0]]), M[:,:2].copy()),
    (lambda x: np.histogramdd(x,2,range=[(0,1)]), M[:,:2].copy()),
    (lambda x: np.histogramdd(x,[2,M]), M[:,:2].copy()),
    (lambda x: np.histogram2d(x,x,[1,2,3,2]), V),
    (lambda x: np.histogram(x,2.5), V),
    (lambda x: np.histogram(x,M), V),
    (lambda x: np.histogram(x,3,(2,1)), V),
    (lambda x: np.histogram(x,"none"), V),
    (lambda x: np.histogram(x,"auto"), V),
    (lambda x: np.histogram(x,[3,2,1]), V),
    (lambda x: np.histogram(x,3,weights=x[:2]), V),
    (lambda x: np.histogram_bin_edges(x,0), V),
    (lambda x: np.i0(x), V+1j),
    (lambda x: np.insert(x,np.ones((2,2),bool),1.), V),
    (lambda x: np.insert(x,np.ones((2,2),int),1.), V),
    (lambda x: np.insert(x,7,1.), V),
    (lambda x: np.insert(x,1,1.,axis=3), V),
    (lambda x: np.insert(x,[1,2],[1.,2.,3.]), V),
    (lambda x: np.insert(x,[1,9],[1.,2.]), V),
    (lambda x: np.insert(x,1,[1.,2.,3.],axis=0), M),
    (lambda x: np.append(x,x[0],axis=0), M),
    (lambda x: np.append(x,x,axis=7), M),
    (lambda x: np.interp(x,M,M,period=2.), V),
    (lambda x: np.interp(x,V,W,period=2.), V),
    (lambda x: np.interp(x,M,M), V),
    (lambda x: np.interp(x,[0,1],[2,3],left=np.array([1.])), V),
    (lambda x: np.interp(x,[0,1],[2,3],right=1j), V),
    (lambda x: np.piecewise(x,[x[:1]>1],[1.]), V),
    (lambda x: np.random.dirichlet(x - x), V),
    (lambda x: np.random.dirichlet(x[None]), V),
    (lambda x: np.random.dirichlet(x[0]), V),
    (lambda x: np.interp(x,V,W), V),
    (lambda x: np.interp(x,[],[]), V),
    (lambda x, p: np.interp(x,[1,2.],[3,4.],period=p),V, 0.),
    (lambda x: np.interp(x,[1,2.],[3,4.],period=0), V),
    (lambda x: np.isneginf(x), V+1j),
    (lambda x: np.isposinf(x), V+1j),
    (lambda x: x[np.ix_(M)], M),
    (lambda x, i: x[np.ix_(i)],M, M.astype(int)),
    (lambda x: np.linspace(x,2.,-1), 1.),
    (lambda x: np.linspace(x,2.,2.5), 1.),
    (lambda x: np.linspace(x,2.,3,axis=3), V),
    (lambda x: np.matrix_transpose(x), V),
    (lambda x: x.mT, V),
    (lambda x: np.meshgrid(x,x,indexing="ab"), V),
    (lambda x: np.meshgrid(x,x,foo="ab"), V),
    (lambda x: np.meshgrid(x,M), V),
    (lambda x: np.moveaxis(x,(0,1),0), M),
    (lambda x: np.moveaxis(x,(0,0),(0,1)), M),
    (lambda x: np.moveaxis(x,(0,1),(0,0)), M),
    (lambda x: np.nanargmax(x), V*np.nan),
    (lambda x: np.nanargmin(x,axis=1), M*np.nan),
    (lambda x: np.nanmean(x,dtype=int), V),
    (lambda x: np.nanvar(x,dtype=int), V),
    (lambda x: np.nanvar(x,ddof=1,correction=1), V),
    (lambda x: np.var(x,ddof=1,correction=1), V),
    (lambda x: np.std(x,ddof=1,correction=1), V),
    (lambda x: x.std(ddof=1,correction=1), V),
    (lambda x: np.std(x,correction=1), V),
    (lambda x: np.pad(x,1.5), V),
    (lambda x: np.pad(x,1,mode="none"), V),
    (lambda x: np.pad(x,1,mode="edge",constant_values=1), V),
    (lambda x: np.pad(x,1,mode="edge"), V[:0]),
    (lambda x: np.pad(x,((1,2),(1,2))), V),
    (lambda x: np.pad(x,(1,2,3)), V),
    (lambda x: np.pad(x,1,mode="mean",stat_length=-1), V),
    (lambda x: np.pad(x,1,mode="maximum",stat_length=0), V),
    (lambda x: np.pad(x,1,mode="mean",stat_length=0), V),
    (lambda x: np.pad(x,1,mode="reflect",reflect_type="none"), V),
    (lambda x: np.piecewise(x,[x>1],[1,2,3]), V),
    (lambda x: np.poly(x), M[:3]),
    (lambda x: np.polyder(x,-1), V),
    (lambda x: np.polyder(x,1.5), V),
    (lambda x: np.polyfit(x,x,-1), V),
    (lambda x: np.polyfit(x,x,1), M),
    (lambda x: np.polyfit(x,x,1), V[:0]),
    (lambda x: np.polyfit(x,CUBE,1), V),
    (lambda x: np.polyfit(x,W,1), V),
    (lambda x: np.polyfit(x,x,1,w=M), V),
    (lambda x: np.polyfit(x,x,1,w=W), V),
    (lambda x: np.polyfit(x,x,1,cov=True), V[:2]),
    (lambda x: np.polyfit(x,x,1.0), V),
    (lambda x: np.polyint(x,-1), V),
    (lambda x: np.polyint(x,2,[1,2,3]), V),
    (lambda x: np.polyint(x,2,[1]), V),
    (lambda x: np.polyint(x,3,[1,2]), V),
    (lambda x: np.polyval(x,M), V),
    (lambda x: np.polydiv(x,[0.]), V),
    (lambda x: np.polydiv(x,x*0), V),
    (lambda x: np.roots(x), M),
    (lambda x: np.put_along_axis(x,np.zeros((1,1),int),1.,None), M),
    (lambda x: np.put_along_axis(x,np.zeros((1,),int),1.,1), M),
    (lambda x: np.put_along_axis(x,np.zeros((1,1)),1.,1), M),
    (lambda x: np.take_along_axis(x,np.zeros((1,1),int),None), M),
    (lambda x: np.take_along_axis(x,np.zeros((1,),int),1), M),
    (lambda x: np.take_along_axis(x,np.zeros((1,1)),1), M),
    (lambda x: np.take_along_axis(x,np.zeros((2,1),int),1), M),
    (lambda x: np.require(x,requirements=["C","F"]), V),
    (lambda x: np.resize(x,(2,-1)), V),
    (lambda x: np.resize(x,(2,3)), V[:0]),
    (lambda x: np.roll(x,((1,2),(3,4)),(0,1)), M),
    (lambda x: np.roll(x,(1,2,3),(0,1)), M),
    (lambda x: np.roll(x,1.5), V),
    (lambda x: np.roll(x,(1,2)), V),
    (lambda x: np.rollaxis(x,0,5), M),
    (lambda x: np.rot90(x,1,(0,1,2)), M),
    (lambda x: np.rot90(x,1,(0,0)), M),
    (lambda x: np.rot90(x,1,(0,3)), M),
    (lambda x: np.rot90(x,1,(0,-2)), M),
    (lambda x: np.rot90(x), V),
    (lambda x: np.rot90(x,1.5), M),
    (lambda x: np.select([x>1],[x,x]), V),
    (lambda x: np.select([],[]), V),
    (lambda x: np.select([x],[x]), V),
    (lambda x: np.select([x>1],[x],"a"), V),
    (lambda x: np.split(x,2), V),
    (lambda x: np.split(x,2,axis=2), V),
    (lambda x: np.split(x,2.5), W),
    (lambda x: np.stack([]), V),
    (lambda x: np.stack([x,W]), V),
    (lambda x: np.vstack([x,W]), V),
    (lambda x: np.hstack([x,M]), V),
    (lambda x: np.dstack([x,W]), V),
    (lambda x: np.column_stack([x,W]), V),
    (lambda x: np.concatenate([]), V),
    (lambda x: np.concatenate([x,1.0]), V),
    (lambda x: np.concatenate([x,x],axis=1), V),
    (lambda x: np.concatenate([x,x],dtype=int), V),
    (lambda x: np.block([[x,x],[x]]), M),
    (lambda x: np.block([[x,x],x]), M),
    (lambda x: np.tensordot(x,x,((0,0),(0,1))), M),
    (lambda x: np.tensordot(x,x[:3],1), M),
    (lambda x: np.tensordot(x,x,((0,),(0,1))), M),
    (lambda x: np.tensordot(x,x,((0,),(3,))), M),
    (lambda x: np.tril_indices_from(x)[0], V),
    (lambda x: np.triu_indices_from(x)[0], CUBE),
    (lambda x: np.tril(x), V),
    (lambda x: np.unique(x,axis=4), M),
    (lambda x: np.unstack(x), NUMBER),
    (lambda x: np.unstack(x,axis=2), V),
    (lambda x: np.vander(x), M),
    (lambda x: windows(x,-1), V),
    (lambda x: windows(x,2), M),
    (lambda x: windows(x,2,(0,1)), M),
    (lambda x: windows(x,7), V),
    (lambda x: windows(x,2,3), V),
    (lambda x: np.linalg.cond(x), NOTHING),
    (lambda x: np.linalg.cond(x,"none"), M),
    (lambda x: np.linalg.cond(x), V),
    (lambda x: np.linalg.cross(x,x), V[:2]),
    (lambda x: np.linalg.eigh(x,UPLO="X"), M),
    (lambda x: np.linalg.eigvalsh(x,UPLO="X"), M),
    (lambda x: np.linalg.eigh(x), M[:3]),
    (lambda x: np.linalg.eigvals(x), M[:3]),
    (lambda x: np.linalg.eigvals(x), M*np.nan),
    (lambda x: np.linalg.eigvalsh(x), V),
    (lambda x: np.linalg.svd(x,compute_uv=False), M*np.nan),
    (lambda x: np.linalg.svd(x), V),
    (lambda x: np.linalg.lstsq(x,x[:3]), M),
    (lambda x: np.linalg.lstsq(x[0],x[0]), M),
    (lambda x: np.linalg.lstsq(x,x[0]), M*np.nan),
    (lambda x: np.linalg.matrix_power(x,1.5), M),
    (lambda x: np.linalg.matrix_power(x,2), V),
    (lambda x: np.linalg.matrix_power(x,-2), M*0),
    (lambda x: np.linalg.matrix_power(x,2), M[:3]),
    (lambda x: np.linalg.matrix_rank(x,tol=1.,rtol=1.), M),
    (lambda x: np.linalg.multi_dot([x]), M),
    (lambda x: np.linalg.multi_dot([x,CUBE,x]), M),
    (lambda x: np.linalg.multi_dot([x,x[:3],x]), M),
    (lambda x: np.linalg.norm(x,"none"), V),
    (lambda x: np.linalg.norm(x,"fro"), V),
    (lambda x: np.linalg.norm(x,axis=(0,0)), M),
    (lambda x: np.linalg.norm(x,3), M),
    (lambda x: np.linalg.norm(x,2), CUBE),
    (lambda x: np.linalg.norm(x,axis=(0,1,2)), CUBE),
    (lambda x: np.linalg.norm(x,axis=1.5), M),
    (lambda x: np.linalg.norm(x,axis=3), M),
    (lambda x: np.linalg.norm(x,"nuc",axis=0), M),
    (lambda x: np.linalg.norm(x,"none"), M),
    (lambda x: np.linalg.norm(x,np.inf), V[:0]),
    (lambda x: np.linalg.norm(x,axis=(0,5)), M),
    (lambda x: np.linalg.vector_norm(x,ord="none"), M),
    (lambda x: np.linalg.matrix_norm(x,ord=7), M),
    (lambda x: np.linalg.matrix_norm(x), V),
    (lambda x: np.linalg.outer(x,x), M),
    (lambda x: np.linalg.pinv(x,rcond=1e-3,rtol=1e-3), M),
    (lambda x: np.linalg.pinv(x), V),
    (lambda x: np.linalg.qr(x,"none"), M),
    (lambda x: np.linalg.qr(x), V),
    (lambda x: np.linalg.tensorinv(x,0), M),
    (lambda x: np.linalg.tensorinv(x,-1), M),
    (lambda x: np.linalg.tensorinv(x,1), M[:3]),
    (lambda x: np.linalg.tensorsolve(x,x[0]), M[:3]),
    (lambda x: np.linalg.tensorsolve(x,x[0,:2]), M),
    (lambda x: np.linalg.solve(x,x[:3]), M),
    (lambda x: np.linalg.solve(x[:3],x[:3]), M),
    (lambda x: np.linalg.solve(x[0],x[0]), M),
    (lambda x: np.linalg.solve(x*0,x[0]), M),
    (lambda x: np.linalg.inv(x), M[:3]),
    (lambda x: np.linalg.det(x), M[:3]),
    (lambda x: np.linalg.slogdet(x), V),
    (lambda x: np.linalg.cholesky(-x), M),
    (lambda x: np.linalg.cholesky(x), M[:3]),
    (lambda x: np.dot(x,x[:3]), V),
    (lambda x: x@x[:3], M),
    (lambda x: x@2.0, M),
    (lambda x: 2.0@x, M),
    (lambda x: np.vdot(x,x[:3]), V),
    (lambda x: np.inner(x,x[:,:3]), M),
    (lambda x: np.vecdot(x,x[:3]), V),
    (lambda x: np.matvec(x,x[0,:3]), M),
    (lambda x: np.vecmat(x[0,:3],x), M),
    (lambda x: np.fft.fftshift(x,axes=4), M),
    (lambda x: x*np.fft.rfftfreq(2.5), 1.0),
    (lambda x: x*np.fft.fftfreq(2.5), 1.0),
    (lambda x: np.sum(x,axis=(0,0)), M),
    (lambda x: np.sum(x,axis=(0,2)), M),
    (lambda x: np.sum(x,axis=1.0), M),
    (lambda x: np.max(x,axis=(0,-2)), M),
    (lambda x: np.mean(x,axis=(0,0)), M),
    (lambda x: np.std(x,axis=(0,0)), M),
    (lambda x: np.argmax(x,axis=(0,1)), M),
    (lambda x: np.cumsum(x,axis=(0,1)), M),
    (lambda x: np.median(x,axis=(0,0)), M),
    (lambda x: np.quantile(x,.5,axis=(0,0)), M),
    (lambda x: np.any(x,axis=(0,0)), M),
    (lambda x: np.sort(x,axis=(0,1)), M),
    (lambda x: np.flip(x,(0,0)), M),
    (lambda x: np.squeeze(x,(0,0)), M[:1,:1]),
    (lambda x: np.expand_dims(x,(0,0)), M),
    (lambda x: np.transpose(x,(0,0)), M),
    (lambda x: np.transpose(x,(0,1,2)), M),
    (lambda x: x.transpose(1), M),
    (lambda x: np.swapaxes(x,0,3), M),
    (lambda x: np.sort(x,kind="none"), V),
    (lambda x: np.sort(x,order="f"), V),
    (lambda x: np.argsort(x,kind="none"), V),
    (lambda x: np.searchsorted(x,1.,side="none"), V),
    (lambda x: np.searchsorted(x,1.), M),
    (lambda x: np.searchsorted(x,1.,sorter=[0,1]), V),
    (lambda x: np.searchsorted(x,1.,sorter=[0,1,2,3,9]), V),
    (lambda x: np.sort(x), NUMBER),
    (lambda x: np.argsort(x), NUMBER),
    (lambda x: np.partition(x,9), V),
    (lambda x: np.partition(x,2,kind="none"), V),
    (lambda x: np.partition(x,2.0), V),
    (lambda x: np.take(x,1,mode="none"), V),
    (lambda x: np.take(x,1.0), V),
    (lambda x: np.take(x,0), V[:0]),
    (lambda x: np.take(x,[0,9]), V),
    (lambda x: np.choose([0,3],[x[:2],x[:2]]), V),
    (lambda x: np.choose(1.0,[x,x]), V),
    (lambda x: np.compress([True]*9,x), V),
    (lambda x: np.compress([True]*9,x,axis=4), V),
    (lambda x: np.extract([True]*9,x), V),
    (lambda x: np.put(x,1,1.,mode="none"), V),
    (lambda x: np.putmask(x,[True],1.), V),
    (lambda x: np.place(x,x>0,[]), V),
    (lambda x: np.place(x,[True],[1.]), V),
    (lambda x: np.copyto(x,[1.,2.]), V),
    (lambda x: np.copyto(x,1.,casting="none"), V),
    (lambda x: np.copyto(x,1.5), INTEGERS),
    (lambda x: np.copyto(x,1j), V),
    (lambda x: np.copyto(x,1.,where=[True,False]), V),
    (lambda x: np.add(x,1,out=np.zeros(3)), V),
    (lambda x: np.add(x,1.5,out=np.zeros(5,int)), V),
    (lambda x: np.add(x,1,where=[True,False]), V),
    (lambda x: np.add(x,1,dtype=int), V),
    (lambda x: np.add(x,1,casting="none"), V),
    (lambda x: np.add(x,1,casting="no"), INTEGERS),
    (lambda x: np.add(x,1,order="Q"), V),
    (lambda x: np.add(x,1,foo=3), V),
    (lambda x: np.sin(x,x,x), V),
    (lambda x: np.add.reduce(x,axis=3), V),
    (lambda x: np.subtract.reduce(x,axis=(0,1)), M),
    (lambda x: np.divide.reduce(x[:0]), V),
    (lambda x: np.maximum.reduce(x,where=x>0), V),
    (lambda x: np.max(x,where=x>0), V),
    (lambda x: np.sin.outer(x,x), V),
    (lambda x: np.sin.reduce(x), V),
    (lambda x: np.sin.accumulate(x), V),
    (lambda x: np.add.accumulate(x,axis=(0,1)), M),
    (lambda x: np.add.accumulate(x), NUMBER),
    (lambda x: np.cumsum(x,axis=1), NUMBER),
    (lambda x: np.add.reduceat(x,[0,1.5]), V),
    (lambda x: np.add.reduceat(x,[[0,1]]), V),
    (lambda x: np.add.at(x,[0,1.5],1), V),
    (lambda x: np.add.at(x,[0,9],1), V),
    (lambda x: np.add.at(x,[0,1],[1,2,3]), V),
    (lambda x: np.repeat(x,1.5), V),
    (lambda x: np.repeat(x,[1,2]), V),
    (lambda x: np.repeat(x,[[1],[2]]), V[:2]),
    (lambda x: np.repeat(x,2,axis=5), V),
    (lambda x: np.broadcast_to(x,(5,4)), V),
    (lambda x: np.broadcast_to(x,()), V),
    (lambda x: np.broadcast_arrays(x,x[:3]), V),
    (lambda x: np.reshape(x,(-1,-1)), V),
    (lambda x: np.reshape(x,2.5), V),
    (lambda x: np.reshape(x,(2,-1)), V),
    (lambda x: np.reshape(x,(5,),order="Q"), V),
    (lambda x: np.ravel(x,order="Q"), V),
    (lambda x: x.flatten("Q"), V),
    (lambda x: x.flat[9], V),
    (lambda x: np.arange(), V),
    (lambda x: np.full((2,2),x), V),
    (lambda x: np.zeros(2.5)+x, 1.0),
    (lambda x: np.zeros((2,-1))+x, 1.0),
    (lambda x: np.ones(3,dtype="none")+x, 1.0),
    (lambda x: np.full_like(x,[1,2]), V),
    (lambda x: np.empty_like(x,shape=(-1,)), V),
    (lambda x: np.fromiter([x],float,count=3), 1.0),
    (lambda x: np.eye(2.5)*x, 1.0),
    (lambda x: np.eye(3,k=1.5)*x, 1.0),
    (lambda x: np.tri(2.5)*x, 1.0),
    (lambda x: x*np.bartlett(-3), 1.0),
    (lambda x: np.identity(-3)*x, 1.0),
    (lambda x: x.item(), V),
    (lambda x: x.item(9), V),
    (lambda x: float(x), V),
    (lambda x: int(x), V),
    (lambda x: bool(x), V),
    (lambda x: len(x), NUMBER),
    (lambda x: [a for a in x], NUMBER),
    (lambda x: [1,2,3][x], NUMBER),
    (lambda x: x[1.0], V),
    (lambda x: x[0,0], V),
    (lambda x: x[[True,False]], V),
    (lambda x: x["a"], V),
    (lambda x: x[...,...], V),
    (lambda x: x[[0,1],[0,1,2]], M),
    (lambda x: x[:,[0,7]], M),
    (lambda x: x[1:2:0], V),
    (lambda x: x.__setitem__(slice(0,3),[1,2]), V),
    (lambda x: x.__setitem__(9,1), V),
    (lambda x: x.__setitem__(x>1,[1,2]), V),
    (lambda x: x.__setitem__(0,[1,2]), V),
    (lambda x: x.__setitem__(0,"a"), V),
    (lambda x: x.__setitem__([0,9],1), V),
    (lambda x: x.view("none"), V),
    (lambda x: x.astype("none"), V),
    (lambda x: x.astype(int,casting="safe"), V),
    (lambda x: x.resize(-3), V.copy()),
    (lambda x: np.dot(x,x,out=np.zeros(3)), M),
    (lambda x: np.round(x,1.5), V),
    (lambda x: x.clip(), V),
    (lambda x: np.ptp(x,axis=4), V),
    (lambda x: x.searchsorted(1.,"none"), V),
    (lambda x: x.diagonal(0,0,0), M),
    (lambda x: x.trace(), V),
    (lambda x: np.nonzero(x), NUMBER),
    (lambda x: np.argwhere(x), NUMBER),
    (lambda x: np.flatnonzero(x), NUMBER),
    (lambda x: np.where(x,1), V),
    (lambda x: np.where(x>0,x,x[:3]), V),
    (lambda x: np.bincount(x), V),
    (lambda x: np.bincount(x,minlength=-1), INTEGERS),
    (lambda x: np.bincount(x,minlength=1.5), INTEGERS),
    (lambda x: np.bincount(x,weights=[1,2]), INTEGERS),
    (lambda x: np.bincount(x), INTEGERS.reshape(5,1)),
    (lambda x: np.digitize(x,[[1,2]]), V),
    (lambda x: np.isin(x,[1],kind="none"), V),
    (lambda x: np.isin(x,[1.5],kind="table"), V),
    (lambda x: np.unravel_index(x,(2,2)), INTEGERS),
    (lambda x: np.unravel_index(x,(2,2)), V),
    (lambda x: np.ravel_multi_index((x,x),(2,2)), INTEGERS),
    (lambda x: np.ravel_multi_index((x,x),(5,)), INTEGERS),
    (lambda x: np.ravel_multi_index((x,x),(5,5),mode="none"), INTEGERS),
    (lambda x: np.packbits(x), V),
    (lambda x: np.unpackbits(x), INTEGERS),    (lambda x: np.array_split(x, 0), V),
    (lambda x: np.einsum("ij,jk,kl", x, x, x, optimize=True, sizes=1), M),
    (lambda x: np.linalg.norm(x, axis="rows"), M),
    (lambda x: np.clip(x, a_max=1.0), V),
    (lambda x: np.diff(x, -1), V),
    (lambda x: np.nanmean(x, out=np.zeros((), int)), V),
    (lambda x: np.convolve(x[:0], x), V),
    (lambda x: np.convolve(x, x[:0]), V),
    *[
        row
        for q in (np.percentile, np.quantile, np.nanpercentile, np.nanquantile)
        for row in (
            (lambda x, q=q: q(x, 0.5, weights=x), V),
            (lambda x, q=q: q(x, 0.5, weights=-x, method="inverted_cdf"), V),
            (lambda x, q=q: q(x, 0.5, method="none"), V),
            (lambda x, q=q: q(x, [0.5, np.nan]), V),
            (lambda x, q=q: q(x, -0.5), V),
            (lambda x, q=q: q(x, 0.5), V + 1j),
            (lambda x, q=q: q(x, 0.5, axis=4), V),
        )
    ],
    *[
        row
        for f in (np.fft.fft, np.fft.ifft, np.fft.rfft, np.fft.irfft, np.fft.hfft, np.fft.ihfft)
        for row in (
            (lambda x, f=f: np.abs(f(x, 0)), V),
            (lambda x, f=f: np.abs(f(x)), NUMBER),
            (lambda x, f=f: np.abs(f(x, norm="none")), V),
            (lambda x, f=f: np.abs(f(x, axis=3)), V),
        )
    ],
    # A number has an axis 0 for ufuncs, and none of 0.0.
    *[
        (lambda x, f=f: f(x, axis=0.0), NUMBER)
        for f in (np.sum, np.max, np.any, np.prod, np.ptp, np.count_nonzero, np.nansum, np.add.reduce)
    ],
    (lambda x: np.linalg.norm(x, axis=[0]), V), (lambda x: np.linalg.norm(x, axis=[0]), V[:, None]),
    # Options that no function is usually given, written out or among the arguments.
    *[
        row
        for name, values in {
            "subok": (None, 2, "abc"), "casting": (3, None, "none"), "order": (0, "i4"), "dtype": (0, 1.5, {}),
            "out": ([1], 2, {}), "nosuch": (1,),
        }.items()
        for value in values
        for row in (
            (lambda x, k=name, v=value: np.cos(x, **{k: v}), V),
            (lambda x, k=name, v=value: np.add.outer(x, x, **{k: v}), V),
            (lambda x, v, k=name: np.modf(x, **{k: v}), V, value),
        )
    ],
    *[
        row
        for name, values in {
            "keepdims": (None, "abc", [1], {}), "initial": ([1, 2, 3], range(3)), "axis": (True, 1.5, "rows"),
            "dtype": (0, {}), "out": (3, [1.0]),
        }.items()
        for value in values
        for row in (
            (lambda x, k=name, v=value: np.subtract.reduce(x, **{k: v}), M),
            (lambda x, k=name, v=value: np.sum(x, **{k: v}), M),
            (lambda x, v, k=name: x.prod(**{k: v}), M, value),
            (lambda x, v, k=name: np.nanmax(x, **{k: v}), M, value),
        )
    ],
    (lambda x: np.vecdot(x, x, where=True), V),
    *[
        (lambda x, f=f: f(x, copy=2), 2.5)
        for f in (np.float64, np.float32, np.int64, np.complex128, np.bool)
    ],
    (lambda x: np.broadcast_to(x, (2, 5), {}), V),
    # Sequences and numbers where NumPy's Python has an array in mind.
    *[
        (f, x)
        for x in (M.tolist(), 2.5, NUMBER)
        for f in (
            lambda x: np.hsplit(x, 5), lambda x: np.vsplit(x, 5), lambda x: np.split(x, 5, axis=1),
            lambda x: np.rollaxis(x, 1), lambda x: np.apply_over_axes(np.sum, x, 0), lambda x: np.common_type(x),
            lambda x: np.take_along_axis(x, INTEGERS[None], axis=1), lambda x: np.polyder(x),
            lambda x: np.fft.fftshift(x), lambda x: np.fft.ifftshift(x),
            lambda x: np.histogram2d(V, V, bins=3, weights=x)[0], lambda x: np.can_cast(x, int),
            lambda x: np.linalg.cond(M, x), lambda x: np.nanquantile(x, []),
        )
    ],
    (lambda x: np.linalg.cond(M, x), np.array(2.0)),
    (lambda x: np.astype(x, np.float32), [1.0, 2.0]), (lambda x: np.astype(x, np.float32), (1.0, 2.0)),
    (lambda x: np.unstack(x), M.tolist()),
    *[
        (lambda x, u=u, shape=shape: u.reduce(x, axis=0, out=np.zeros(shape)), M)
        for u in (np.subtract, np.hypot, np.fmax, np.logical_xor, np.add)
        for shape in ((1, 5), (5, 1), (3,), ())
    ],
]
# fmt: on


def outcome(f: Callable[..., Any], args: tuple[Any, ...]) -> Exception | None:
    given = [np.array(a) if isinstance(a, np.ndarray) else a for a in args]
    try:
        f(*given)
    except Exception as error:
        return error
    return None


def refused() -> Iterator[tuple[Callable[..., Any], tuple[Any, ...], Exception]]:
    """The rows that this version of NumPy refuses, and how."""
    for f, *args in ROWS:
        expected = outcome(f, tuple(args))
        if expected is not None:
            yield f, tuple(args), expected


def line_of(f: Callable[..., Any]) -> int:
    return f.__code__.co_firstlineno


def wrong(engine: str) -> list[str]:
    found = []
    for f, args, expected in refused():
        error = outcome(autodiff.function(f, engine=engine), args)
        said = str(error).splitlines()[0].removeprefix("AD201: ") if error is not None else ""
        if not isinstance(error, type(expected)) or said != str(expected).splitlines()[0]:
            found.append(f"line {line_of(f)}: {error!r} instead of {expected!r}")
    return found


def test_what_numpy_refuses_is_refused() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = wrong("numpy")
    assert not found, "\n".join(found)


@pytest.mark.slow
def test_what_numpy_refuses_is_refused_by_the_native_engine() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = wrong("native")
    assert not found, "\n".join(found)


# -- completeness ----------------------------------------------------------------------------------
def _source_of(function: Any) -> ast.AST | None:
    function = getattr(function, "_implementation", None) or function
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    if not (getattr(function, "__module__", None) or "").startswith("numpy"):
        return None
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (TypeError, OSError):
        return None


def _text(exception: ast.expr) -> str:
    """The longest piece of an exception's text that is written out."""
    pieces = [n.value for n in ast.walk(exception) if isinstance(n, ast.Constant)]
    return max((p for p in pieces if isinstance(p, str)), key=len, default="")


# Texts of NumPy's source that no row can have, and why.
ELSEWHERE = {
    "get common type for non-numeric array": "arrays of numbers only are traced",
    "Internal Shape Error": "cannot happen",
    "Calling np.sum(generator) is deprecated.": "a generator is no array",
    "Input should be a NumPy array or scalar": "what is traced is one",
    "argument 1 must be numpy.ndarray, not ": "what is traced is one",
    " condition(s), either ": "np.piecewise takes functions, see the tests of callables",
    "not supported for stacks of object arrays": "no arrays of objects are traced",
    "Coefficient array": "np.polynomial is followed in its own Python",
}


def test_every_text_of_numpys_functions_is_that_of_a_row() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        said = [str(error) for _, _, error in refused()]
    missing = []
    for function in list(functions):
        tree = _source_of(function)
        if tree is None:
            continue
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Raise) and node.exc is not None):
                continue
            text = _text(node.exc)
            if len(text) < 9 or any(text in s for s in said) or any(e in text for e in ELSEWHERE):
                continue
            missing.append(f"{function.__name__}: {text}")
    assert not missing, "\n".join(missing)


_MATRIX = np.eye(4) + np.ones((4, 4))


def _of_a_matrix(x):
    return (np.asmatrix(_MATRIX) @ x)[0].sum()  # a matrix of one row, whose first row is all of it


@pytest.mark.filterwarnings("ignore:the matrix subclass", "ignore:_of_a_matrix runs uncompiled")
def test_matrices_are_no_arrays():
    x = np.array([1.0, -2.0, 3.0, 4.0])
    with pytest.warns(autodiff.FallbackWarning):
        assert autodiff.function(_of_a_matrix)(x) == _of_a_matrix(x)
    for derivative in (
        autodiff.gradient(_of_a_matrix),
        lambda x: autodiff.jvp(_of_a_matrix, (x,), (x,)),
    ):
        with pytest.raises(
            autodiff.UnsupportedError, match=r"a np\.matrix meets a traced array(.|\n)*np\.asarray"
        ):
            derivative(x)
